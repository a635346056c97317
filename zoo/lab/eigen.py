"""Eigenvalues of a game's Jacobian: exact for small networks, by Arnoldi's method for large ones.

The field is v = (-grad_G loss_g, -grad_D loss_d) on a fixed batch, in float64, and J = dv/d(G, D). Training turns
around a point where eigenvalues have no negative real part; consensus optimisation moves along (I - gamma J^T) v,
whose Jacobian at a fixed point is J - gamma J^T J (M17). A Jacobian of an image model is never formed: ARPACK asks
for products J x, which `torch.func.jvp` gives for the price of a few gradients.
"""

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev, jvp, vjp

from zoo.engine.gan import GAN
from zoo.lab import rules
from zoo.objectives.losses import nonsaturating_d, nonsaturating_g

#: parameters up to which the Jacobian is formed
EXACT = 3000


@dataclass(frozen=True)
class Game:
    """Two networks, their losses, and a fixed batch.

    Args:
        G, D: in eval mode and float64; what they draw is drawn alike at each call.
        real: (N, ...) real points or images.
        z: (N, latent_dim).
        label: (N,) of what G makes, or None.
        real_label: (N,) of the real ones, or None.
        gamma_real, gamma_fake: D's loss holds gamma/2 times the mean squared slope on real and on fake.
        consensus: weight of consensus optimisation's pull in the spectrum.
        eta: weight of |grad_D loss_d|^2 in G's loss (Nagarajan and Kolter).
        level: what growing networks are told beside their inputs.
        left_out: what the model trains with that is not in this game.
    """

    G: nn.Module
    D: nn.Module
    real: Tensor
    z: Tensor
    label: Tensor | None = None
    real_label: Tensor | None = None
    loss_d: Callable[[Tensor, Tensor], Tensor] = nonsaturating_d
    loss_g: Callable[[Tensor], Tensor] = nonsaturating_g
    gamma_real: float = 0.0
    gamma_fake: float = 0.0
    consensus: float = 0.0
    eta: float = 0.0
    level: dict[str, float] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def parameters(self) -> Tensor:
        """Both players' parameters in one vector, G's first."""
        return torch.cat([p.detach().flatten() for p in (*self.G.parameters(), *self.D.parameters())])

    def players(self, flat: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """A vector as the named parameters of G and of D."""
        named, at = [], 0
        for net in (self.G, self.D):
            named.append({})
            for name, p in net.named_parameters():
                named[-1][name] = flat[at : at + p.numel()].view_as(p)
                at += p.numel()
        return named[0], named[1]

    def fakes(self, g: dict[str, Tensor]) -> Tensor:
        return functional_call(self.G, g, (self.z, self.label), self.level)

    def judge(self, d: dict[str, Tensor], x: Tensor, label: Tensor | None) -> Tensor:
        return functional_call(self.D, d, (x, label), self.level)

    def slope(self, d: dict[str, Tensor], x: Tensor, label: Tensor | None) -> Tensor:
        """mean_i |dD/dx_i|^2, as the penalties have it, in a form that torch.func can differentiate."""
        return grad(lambda x: self.judge(d, x, label).sum())(x).square().flatten(1).sum(1).mean()

    def loss_of_logits(self, d: dict[str, Tensor], fake: Tensor) -> Tensor:
        return self.loss_d(self.judge(d, self.real, self.real_label), self.judge(d, fake, self.label))

    def d_loss(self, d: dict[str, Tensor], fake: Tensor) -> Tensor:
        loss = self.loss_of_logits(d, fake)
        if self.gamma_real:
            loss = loss + 0.5 * self.gamma_real * self.slope(d, self.real, self.real_label)
        return loss + 0.5 * self.gamma_fake * self.slope(d, fake, self.label) if self.gamma_fake else loss

    def g_loss(self, g: dict[str, Tensor], d: dict[str, Tensor]) -> Tensor:
        fake = self.fakes(g)
        loss = self.loss_g(self.judge(d, fake, self.label))
        if self.eta:
            ahead = grad(lambda d: self.loss_of_logits(d, fake))(d)
            loss = loss + self.eta * sum(t.square().sum() for t in ahead.values())
        return loss

    def field(self, flat: Tensor) -> Tensor:
        """v at a vector of parameters; noise and dropout are the same at each call."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            g, d = self.players(flat)
            on_g, on_d = grad(self.g_loss)(g, d), grad(self.d_loss)(d, self.fakes(g))
        return -torch.cat([t.flatten() for t in (*on_g.values(), *on_d.values())])

    def times(self, x: Tensor) -> Tensor:
        """J x, or (J - consensus J^T J) x, at the networks' own parameters."""
        _, product = jvp(self.field, (self.parameters,), (x,))
        if self.consensus:
            _, back = vjp(self.field, self.parameters)
            product = product - self.consensus * back(product)[0]
        return product

    def jacobian(self) -> Tensor:
        """J, or J - consensus J^T J, (n, n)."""
        j = jacrev(self.field, chunk_size=64)(self.parameters)
        return j - self.consensus * j.T @ j if self.consensus else j


def spectrum(game: Game, k: int = 12, exact: bool | None = None) -> np.ndarray:
    """Eigenvalues, complex, by falling real part.

    Args:
        k: how many Arnoldi's method looks for, those of the largest real parts.
        exact: whether to form the Jacobian and find all; None decides by the number of parameters.

    Raises:
        ValueError: if Arnoldi's method does not settle.
    """
    n = len(game.parameters)
    if n <= EXACT if exact is None else exact:
        values = np.linalg.eigvals(game.jacobian().detach().numpy())
    else:
        values = largest(game, k, "LR")
    return values[np.argsort(-values.real, kind="stable")]


def largest(game: Game, k: int, which: str, restarts: int = 40, tolerance: float = 1e-5) -> np.ndarray:
    """k eigenvalues of an end of the spectrum by ARPACK: "LR" largest real part, "LI" imaginary, "LM" modulus.

    Args:
        restarts: of the iteration, each of at most 40 products or 4 k, before what has settled is taken.
        tolerance: relative.

    Raises:
        ValueError: if not one of them settles.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

    n = len(game.parameters)

    def times(x: np.ndarray) -> np.ndarray:
        return game.times(torch.from_numpy(np.array(x.ravel(), dtype=np.float64))).detach().numpy()

    operator = LinearOperator((n, n), matvec=times, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n)
    try:
        k = min(k, n - 2)
        options = {"ncv": min(n, max(4 * k, 40)), "v0": start, "maxiter": restarts, "tol": tolerance}
        return eigs(operator, k=k, which=which, return_eigenvectors=False, **options)
    except ArpackNoConvergence as error:
        if not len(error.eigenvalues):
            raise ValueError(f"none of {k} eigenvalues settled; ask for fewer or more of them by --k") from error
        return error.eigenvalues


def level_of(gan: GAN) -> dict[str, float]:
    """`lod` of the last training step for networks that grow, else nothing."""
    return {"lod": gan.trained_stage.lod} if "lod" in inspect.signature(gan.D.forward).parameters else {}


def gives_logits(gan: GAN) -> bool:
    """Whether D takes images with labels: an encoder in its place (IntroVAE) or a classifier does not."""
    return "label" in inspect.signature(gan.D.forward).parameters


def check_game(gan: GAN) -> None:
    """Refuse a model that plays no game of logits.

    Raises:
        ValueError: for a model whose D gives no logits, or whose losses are no functions of them.
    """
    if not gives_logits(gan):
        raise ValueError(f"{type(gan).__name__}'s discriminator gives no logits, so it has no such game")
    rules.losses(gan)


def game_of(gan: GAN, real: Tensor, label: Tensor | None = None, seed: int = 0) -> Game:
    """The game of a model on a real batch: its losses, and its slope penalties where it has any.

    What a paper does beyond them (a bottleneck, a consistency term, a clip, WGAN-GP's slope between real and fake)
    is left out, and named in `left_out`.

    Args:
        real: as D sees them.
        label: (N,) of the real ones, which a conditional model needs and another leaves alone.
        seed: names the latents.

    Raises:
        ValueError: for a model whose D gives no logits, or whose losses are no functions of them, and for a
            conditional one without labels.
    """
    check_game(gan)
    if gan.n_classes and label is None:
        raise ValueError(f"{type(gan).__name__} judges images by their classes, and these have none: give labels")
    loss_d, loss_g = rules.losses(gan)
    G, D = (copy.deepcopy(net).cpu().double().eval().requires_grad_(False) for net in (gan.G, gan.D))
    for layer in (*G.modules(), *D.modules()):
        if hasattr(layer, "keep_u_in_eval"):
            layer.keep_u_in_eval = False  # the power iteration rests, so that the game is the same at each call
    real = real.detach().cpu().double()
    z, fake_label = gan.indexed_latents(len(real), seed)
    z, fake_label = z.cpu().double(), None if fake_label is None else fake_label.cpu()
    h, level = dict(gan.hparams), level_of(gan)
    gamma_real, gamma_fake = rules.slopes(gan, level.get("lod", 0.0))
    return Game(
        G,
        D,
        real,
        z,
        fake_label,
        label.detach().cpu() if gan.n_classes else None,
        loss_d=loss_d,
        loss_g=loss_g,
        gamma_real=gamma_real,
        gamma_fake=gamma_fake,
        consensus=h["gamma"] if h.get("method") == "conopt" else 0.0,
        eta=h.get("eta", 0.0),
        level=level,
        left_out=rules.left_out(gan),
    )
