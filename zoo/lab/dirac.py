"""The Dirac-GAN: one number theta for the generator, one number psi for the discriminator, every method.

The data is the point 0, the generator makes the point theta, and D(x) = psi x, positive on fakes. G minimises and D
maximises L = f(psi theta) + f(0), f(t) = -log(1 + exp(-t)); WGAN has f(t) = t. The only equilibrium is (0, 0).
After Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?" (ICML 2018, arXiv
1801.04406, "M18"), its notebook (LMescheder/GAN_stability @ c1f64c9, notebooks/diracgan), "The Numerics of GANs"
(NIPS 2017, arXiv 1705.10461, "M17") and Nagarajan and Kolter (NIPS 2017, arXiv 1706.04156, "NK17").

A method's name is a game and, after `_`, what is added to it: `gan`, `nsgan_r1`, `wgan_gp`, `gan_conopt`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Numbers = np.ndarray | float
#: (theta, psi) -> (v_theta, v_psi), element by element
Field = Callable[[Numbers, Numbers], tuple[Numbers, Numbers]]


def df(t: Numbers) -> Numbers:
    """f'(t) = sigmoid(-t): 1/2 at 0."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(t))


def ddf(t: Numbers) -> Numbers:
    """f''(t) = -sigmoid(t) sigmoid(-t): -1/4 at 0."""
    return -df(t) * df(-t)


def one(t: Numbers) -> Numbers:
    return 1 + 0 * t


def zero(t: Numbers) -> Numbers:
    return 0 * t


@dataclass(frozen=True)
class Game:
    """What the players see at s = psi theta: v_theta = -psi a(s), v_psi = theta b(s), and both derivatives."""

    a: Callable[[Numbers], Numbers]
    b: Callable[[Numbers], Numbers]
    da: Callable[[Numbers], Numbers]
    db: Callable[[Numbers], Numbers]

    def field(self, theta: Numbers, psi: Numbers) -> tuple[Numbers, Numbers]:
        s = psi * theta
        return -psi * self.a(s), theta * self.b(s)


#: minimax, non-saturating, Wasserstein (gans.py:57-80)
GAMES = {
    "gan": Game(df, df, ddf, ddf),
    "nsgan": Game(lambda s: df(-s), df, lambda s: -ddf(-s), ddf),
    "wgan": Game(one, one, zero, zero),
}


def plain(game: Game) -> Field:
    return game.field


def r1(game: Game, gamma: float = 0.3) -> Field:
    """(gamma/2) psi^2 in D's loss: the slope of a linear critic is psi everywhere, so R1 and R2 are the same."""

    def field(theta: Numbers, psi: Numbers) -> tuple[Numbers, Numbers]:
        v_theta, v_psi = game.field(theta, psi)
        return v_theta, v_psi - gamma * psi

    return field


def gp(game: Game, gamma: float = 0.7, target: float = 1.0) -> Field:
    """(gamma/2)(|psi| - target)^2 in D's loss (gans.py:87-96); also what DRAGAN is on this problem."""

    def field(theta: Numbers, psi: Numbers) -> tuple[Numbers, Numbers]:
        v_theta, v_psi = game.field(theta, psi)
        return v_theta, v_psi - gamma * (psi - target * np.sign(np.real(psi)))  # type: ignore[call-overload]  # numpy's stubs know no union

    return field


def js(game: Game, gamma: float = 0.3) -> Field:
    """(gamma/2) psi^2 (f'(0)^2 + f'(s)^2) in D's loss: slopes weighed by sigmoids (Roth et al. 2017)."""

    def field(theta: Numbers, psi: Numbers) -> tuple[Numbers, Numbers]:
        (v_theta, v_psi), s = game.field(theta, psi), psi * theta
        return v_theta, v_psi - gamma * psi * (df(0.0) ** 2 + df(s) ** 2 + s * df(s) * ddf(s))

    return field


def instnoise(game: Game, sigma: float = 0.7, nodes: int = 80) -> Field:
    """Normal noise of deviation sigma on real and fake, in expectation: Gauss-Hermite quadrature.

    The notebook draws 1,000 unseeded numbers for each evaluation instead (gans.py:99-114).
    """
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    x, weights = sigma * points, weights / weights.sum()

    def field(theta: Numbers, psi: Numbers) -> tuple[Numbers, Numbers]:
        psi_ = np.asarray(psi)[..., None]
        fake = np.asarray(theta)[..., None] + x
        v_theta = -psi * (game.a(psi_ * fake) @ weights)
        v_psi = (fake * game.b(psi_ * fake)) @ weights - (x * game.b(-psi_ * x)) @ weights
        return v_theta, v_psi

    return field


def conopt(game: Game, gamma: float = 1.0, curvature: float = 1.0) -> Field:
    """v - gamma grad(|v|^2 / 2) = (I - gamma J^T) v  (M17).

    Args:
        curvature: weight of the terms with f''. The released notebook halves them by mistake (gans.py:146-153).
    """

    def field(theta: Numbers, psi: Numbers) -> tuple[Numbers, Numbers]:
        (v_theta, v_psi), s = game.field(theta, psi), psi * theta
        a, b, da, db = game.a(s), game.b(s), curvature * game.da(s), curvature * game.db(s)
        d_theta = -(psi**2) * da * v_theta + (b + s * db) * v_psi
        d_psi = -(a + s * da) * v_theta + theta**2 * db * v_psi
        return v_theta - gamma * d_theta, v_psi - gamma * d_psi

    return field


def conopt_notebook(game: Game, gamma: float = 1.0) -> Field:
    return conopt(game, gamma, curvature=0.5)


def nk17(game: Game, eta: float = 0.5) -> Field:
    """G minimises L + eta (dL/dpsi)^2 besides  (NK17)."""

    def field(theta: Numbers, psi: Numbers) -> tuple[Numbers, Numbers]:
        (v_theta, v_psi), s = game.field(theta, psi), psi * theta
        return v_theta - 2 * eta * v_psi * (game.b(s) + s * game.db(s)), v_psi

    return field


#: what may be added to a game; R2 is R1 here, DRAGAN the one-centred penalty; a clip acts on psi, not on the field
ADDED: dict[str, Callable[..., Field]] = {
    "": plain,
    "clip": plain,
    "gp": gp,
    "dragan": gp,
    "instnoise": instnoise,
    "js": js,
    "r1": r1,
    "r2": r1,
    "conopt": conopt,
    "conopt_notebook": conopt_notebook,
    "nk17": nk17,
}


@dataclass(frozen=True)
class Method:
    """A method with its numbers: its field, and the largest |psi| where D is clipped."""

    name: str
    field: Field
    clip: float | None = None

    def kept(self, psi: Numbers) -> Numbers:
        """psi inside the clip."""
        return psi if self.clip is None else np.clip(psi, -self.clip, self.clip)


def method(name: str, clip: float = 1.0, **numbers: float) -> Method:
    """A method by its name.

    Args:
        name: a game of `GAMES`, and after `_` one of `ADDED`; without a game, the minimax GAN has it: `r1`.
        clip: largest |psi| of `wgan_clip`.
        numbers: arguments of what is added, such as gamma; the rest is the notebook's.

    Raises:
        ValueError: for a name or a number that is not there.
    """
    game, _, added = name.partition("_")
    if game not in GAMES:
        game, added = "gan", name
    if added not in ADDED:
        raise ValueError(
            f"no method {name!r} of the Dirac-GAN; it is one of {', '.join(GAMES)}, and after '_' one of "
            f"{', '.join(a for a in ADDED if a)}"
        )
    try:
        field = ADDED[added](GAMES[game], **numbers)
    except TypeError as error:
        raise ValueError(f"{name} has no such number: {' '.join(numbers)}") from error
    return Method(f"{game}_{added}".rstrip("_"), field, clip if added == "clip" else None)


# ---- playing


def simulate(
    of: Method,
    start: tuple[Numbers, Numbers] = (1.0, 1.0),
    h: float | tuple[float, float] = 0.2,
    steps: int = 500,
    scheme: str = "sim",
    n_d: int = 1,
) -> np.ndarray:
    """Theta and psi before the first step and after each, (steps + 1, ..., 2).

    Args:
        start: numbers, or arrays for many runs at once.
        h: step size, or those of theta and of psi (two time scales).
        scheme: "sim", both from the same point; "alt_gd", theta and then `n_d` steps of psi (the notebook's order,
            simulate.py:39-50); "alt_dg", psi first (train.py's).

    Raises:
        ValueError: for a scheme that is not there.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"no scheme {scheme!r}; there are {', '.join(SCHEMES)}")
    h_theta, h_psi = (h, h) if isinstance(h, int | float) else h
    theta, psi = (np.asarray(x, float)[()] for x in np.broadcast_arrays(*start))
    psi = of.kept(psi)
    path = np.empty((steps + 1, *np.shape(theta), 2))
    path[0, ..., 0], path[0, ..., 1] = theta, psi
    for k in range(1, steps + 1):
        theta, psi = SCHEMES[scheme](of, theta, psi, h_theta, h_psi, n_d)
        path[k, ..., 0], path[k, ..., 1] = theta, psi
    return path


def together(of: Method, theta: Numbers, psi: Numbers, h_theta: float, h_psi: float, n_d: int) -> tuple:
    v_theta, v_psi = of.field(theta, psi)
    return theta + h_theta * v_theta, of.kept(psi + h_psi * v_psi)


def g_step(of: Method, theta: Numbers, psi: Numbers, h_theta: float) -> Numbers:
    return theta + h_theta * of.field(theta, psi)[0]


def d_steps(of: Method, theta: Numbers, psi: Numbers, h_psi: float, n_d: int) -> Numbers:
    for _ in range(n_d):
        psi = of.kept(psi + h_psi * of.field(theta, psi)[1])
    return psi


def g_first(of: Method, theta: Numbers, psi: Numbers, h_theta: float, h_psi: float, n_d: int) -> tuple:
    theta = g_step(of, theta, psi, h_theta)
    return theta, d_steps(of, theta, psi, h_psi, n_d)


def d_first(of: Method, theta: Numbers, psi: Numbers, h_theta: float, h_psi: float, n_d: int) -> tuple:
    psi = d_steps(of, theta, psi, h_psi, n_d)
    return g_step(of, theta, psi, h_theta), psi


SCHEMES = {"sim": together, "alt_gd": g_first, "alt_dg": d_first}


def field_on(of: Method, thetas: np.ndarray, psis: np.ndarray) -> np.ndarray:
    """(v_theta, v_psi) at points of two arrays alike, (..., 2)."""
    return np.stack(np.broadcast_arrays(*of.field(thetas, psis)), -1)
