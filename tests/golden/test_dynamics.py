"""GAN dynamics against golden vectors: the Dirac-GAN, consensus optimisation, the gradient-norm regulariser.

Everything is built from a file's meta.
"""

import re

import numpy as np
import pytest
import torch
from fitting import fit
from torch import nn
from vectors import Vectors, counterpart, files

from zoo.baselines.conopt import ConOpt, half_square
from zoo.baselines.nk17 import NK17
from zoo.lab.dirac import Method, field_on, method, simulate
from zoo.lab.spectrum import eigenvalues, jacobian, radius, rate, update_matrix
from zoo.objectives.losses import GAMES

#: crossing a discontinuity the last bit decides: the card compares only so many steps there
CROSSING = 100


def near(ours, theirs, what: str, atol: float = 1e-9) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=atol, atol=atol, err_msg=what)


def same_path(ours: np.ndarray, theirs: np.ndarray, of: Method, what: str, atol: float) -> None:
    n = CROSSING + 1 if of.clip is not None or of.name.endswith("_gp") else len(theirs)
    near(ours[:n], theirs[:n], what, atol)


# ---- the official notebook's package

#: class of diracgan/gans.py -> our method and the names of its arguments, in order
OFFICIAL = {
    "GAN": ("gan", []),
    "NSGAN": ("nsgan", []),
    "WGAN": ("wgan_clip", [("clip", "clip", 0.3)]),
    "WGAN_GP": ("wgan_gp", [("reg", "gamma", 1.0), ("target", "target", 0.3)]),
    "GAN_GradPenalty": ("gan_r1", [("reg", "gamma", 0.3)]),
    "GAN_Consensus": ("gan_conopt_notebook", [("reg", "gamma", 0.3)]),
    "NSGAN_GradPenalty": ("nsgan_r1", [("reg", "gamma", 0.3)]),
}


def official_method(text: str) -> Method:
    """`WGAN_GP(reg=0.7,target=1) (remark)` as one of our methods; what is not given has the class's default."""
    name, inside = re.match(r"(\w+)\(([^)]*)\)", text).groups()
    ours, arguments = counterpart(OFFICIAL, name, "official class")
    given = [part.strip() for part in inside.split(",") if part.strip()]
    positional = [float(part) for part in given if "=" not in part]
    named = {k.strip(): float(v) for k, _, v in (part.partition("=") for part in given if "=" in part)}
    numbers = {our: named.get(their, default) for their, our, default in arguments}
    numbers |= dict(zip([our for _, our, _ in arguments], positional, strict=False))
    return method(ours, **numbers)


@pytest.mark.parametrize("path", files("dynamics-dirac_official*.npz"))
def test_official_fields_and_trajectories(path):
    v = Vectors(path)
    atol = v.meta["tolerance"]["abs"]
    grids = v.arrays["input/theta_grid"], v.arrays["input/psi_grid"]
    schemes = {}
    for key in v.arrays:
        if key.startswith("output/traj/"):
            *_, config, scheme = key.split("/")
            schemes.setdefault(config, []).append(scheme)
    for config, text in v.meta["configs"].items():
        of = official_method(text)
        if f"output/field/{config}" in v:
            near(field_on(of, *grids), v.arrays[f"output/field/{config}"], f"field of {config}", atol)
        for scheme in schemes.get(config, []):
            n_d = int(re.search(r"\d*$", scheme).group() or 1)
            ours = simulate(
                of,
                tuple(v.meta["start"]),
                v.meta["h"],
                v.meta["steps"],
                "sim" if scheme.startswith("sim") else "alt_gd",
                n_d,
            )
            same_path(ours, v.arrays[f"output/traj/{config}/{scheme}"], of, f"{config} {scheme}", atol)


# ---- the derived trajectories

#: what follows the game in a name -> names in meta's params of our numbers
PARAMS = {
    "": {},
    "clip": {"clip": "clip"},
    "gp": {"gamma": "gp", "target": "g0"},
    "instnoise": {"sigma": "sigma"},
    "r1": {"gamma": "r1"},
    "r1_crit": {"gamma": "r1_crit"},
    "r2": {"gamma": "r1"},
    "conopt": {"gamma": "conopt"},
    "conopt_notebook": {"gamma": "conopt"},
    "nk17": {"eta": "eta"},
}


def derived_method(name: str, params: dict) -> tuple[Method, tuple[float, float]]:
    """Our method of a file's name, and the step sizes of theta and psi."""
    h_theta, h_psi = params["h"], params["h"]
    if name.endswith("ttur"):
        name = name.removesuffix("ttur").rstrip("_")
        h_theta, h_psi = params["h"] * params["ttur_g"], params["h"] * params["ttur_d"]
    game, _, added = name.partition("_")
    names = counterpart(PARAMS, added, "addition")
    numbers = {ours: params[theirs] for ours, theirs in names.items()}
    return method(f"{game}_{added.removesuffix('_crit')}".rstrip("_"), **numbers), (h_theta, h_psi)


@pytest.mark.parametrize("path", files("dynamics-dirac_trajectories*.npz"))
def test_derived_fields_and_trajectories(path):
    v = Vectors(path)
    params, atol = v.meta["params"], v.meta["tolerance"]["abs"]
    grid = v.get("input/grid")
    for key, theirs in v.arrays.items():
        if not key.startswith("output/"):
            continue
        kind, name, *scheme = key.split("/")[1:]
        of, h = derived_method(name, params)
        if kind == "field":
            thetas, psis = np.meshgrid(grid.numpy(), grid.numpy(), indexing="ij")
            near(field_on(of, thetas, psis), theirs, key, atol)
            continue
        order, _, n_d = scheme[0].partition("_nd")
        ours = simulate(of, tuple(params["start"]), h, params["steps"], order, int(n_d or 1))
        same_path(ours, theirs, of, key, atol)


# ---- Jacobians, eigenvalues, spectral radii

#: the one number of a family of `dynamics-dirac_eigenvalues`, which the file calls gamma
ONE_NUMBER = {"": None, "r1": "gamma", "instnoise": "sigma", "conopt": "gamma", "nk17": "eta", "r2": "gamma"}


def apart(values: tuple[complex, complex], atol: float) -> float:
    """Double eigenvalues of a matrix move by the root of a rounding error."""
    return 1e-7 if abs(values[0] - values[1]) < 1e-6 else atol


@pytest.mark.parametrize("path", files("dynamics-dirac_eigenvalues*.npz"))
def test_jacobians_eigenvalues_and_rates(path):
    v = Vectors(path)
    atol = v.meta["tolerance"]["abs"]
    gammas, hs, nds = (v.arrays[f"input/{k}"].tolist() for k in ("gamma", "h", "nd"))
    for family in sorted({key.split("/")[1] for key in v.arrays if key.startswith("output/")}):
        number = counterpart(ONE_NUMBER, family.partition("_")[2], "family")
        out = v.group(f"output/{family}/")
        for i, gamma in enumerate(gammas):
            j = jacobian(method(family, **({number: gamma} if number else {})).field)
            where = f"{family} {gamma}"
            near(j, out["J"][i], f"J of {where}", atol)
            values = eigenvalues(j)
            defective = apart(values, atol)
            theirs = min(  # the order of a pair whose real parts differ by rounding says nothing
                (out["eig_J"][i], out["eig_J"][i][::-1]), key=lambda x, values=values: abs(x - values).sum()
            )
            near(values, theirs, f"eigenvalues of {where}", defective)
            for k, h in enumerate(hs):
                near(rate(j, h), out["rho_sim"][i, k], f"simultaneous {where}, h {h}", defective)
                for n, n_d in enumerate(nds):
                    for scheme in ("alt_gd", "alt_dg"):
                        matrix = update_matrix(j, h, scheme, n_d)
                        there = f"{scheme} {where}, h {h}, n_d {n_d}"
                        near(radius(matrix), out["rho_alt"][i, k, n], there, apart(eigenvalues(matrix), atol))


# ---- consensus optimisation and its relatives, by the authors' optimizers


class Points(nn.Module):
    """What a file's generator or discriminator is: dense layers with ReLU between them."""

    def __init__(self, arrays: dict, squeeze: bool, scale: float = 1.0) -> None:
        super().__init__()
        n = 1 + max(int(re.match(r"fc(\d+)/", key).group(1)) for key in arrays)
        self.layers = nn.ModuleList()
        for i in range(n):
            weights = torch.from_numpy(np.array(arrays[f"fc{i}/weights"]))
            layer = nn.Linear(*weights.shape).double()
            with torch.no_grad():
                layer.weight.copy_(weights.T)
                layer.bias.copy_(torch.from_numpy(np.array(arrays[f"fc{i}/biases"])))
            self.layers.append(layer)
        self.squeeze, self.scale = squeeze, scale

    def forward(self, x, label=None):
        x = x / self.scale
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        x = self.layers[-1](x)
        return x.squeeze(1) if self.squeeze else x


def named(net: Points, values) -> dict[str, torch.Tensor]:
    """Tensors in the order of a network's parameters by the file's names and layout."""
    names = [f"fc{i}/{part}" for i in range(len(net.layers)) for part in ("weights", "biases")]
    return {k: v.T if k.endswith("weights") else v for k, v in zip(names, values, strict=True)}


def players(v: Vectors, scale: float = 1.0) -> tuple[Points, Points]:
    return Points(v.group("param/generator/"), False), Points(v.group("param/discriminator/"), True, scale)


def check_players(v: Vectors, prefix: str, on: dict[str, tuple[Points, list]], atol: float) -> None:
    for player, (net, values) in on.items():
        ours = named(net, values)
        for name, theirs in v.group(f"{prefix}/{player}/").items():
            near(ours[name].detach(), theirs, f"{prefix}/{player}/{name}", atol)


class Replayed(ConOpt):
    """Consensus optimisation on given networks and latents."""

    def replay(self, G: nn.Module, D: nn.Module, latents: list) -> "Replayed":
        self.use_networks(G, D, latents[0].shape[1])
        self.given = latents
        self.after = []
        return self

    def latents(self, n: int) -> torch.Tensor:
        z = self.given.pop(0)
        assert len(z) == n
        return z

    def on_train_batch_end(self, *_) -> None:
        self.after.append([[p.detach().clone() for p in net.parameters()] for net in (self.G, self.D)])


METHODS = {name: name for name in ("conopt", "simgd", "altgd", "smooth", "clip")}
SMALLEST = {"resolution": 16, "width_g": 1, "width_d": 1, "latent_dim": 1}


@pytest.mark.parametrize("path", files("dynamics-conopt_tf*.npz"))
def test_consensus_and_its_relatives(path):
    v = Vectors(path)
    atol = v.meta["tolerance"]["abs"]
    x, z = v["input/x_real"], v["input/z"]
    runs = {tuple(k.split("/")[1:3]) for k in v.arrays if re.match(r"output/[^/]+/[^/]+/it\d+/", k)}
    assert runs
    for loss, way in sorted(runs):
        counterpart(GAMES, loss, "loss")
        # altgd takes pairs: the real images of D's step, and both steps' latents
        given = [z[it, j] for it in range(len(z)) for j in ((0, 1) if way == "altgd" else (0,))]
        gan = Replayed(
            **SMALLEST,
            loss=loss,
            method=counterpart(METHODS, way, "optimizer"),
            gamma=v.meta["alpha"],
            clip=v.meta["clip_alpha"],
            lr=v.meta["lr"],
            batch_size=x.shape[2],
        ).replay(*players(v), given)
        fit(gan, [(x[it, 0], None) for it in range(v.meta["iterations"])])
        for it, (on_g, on_d) in enumerate(gan.after):
            after = {"generator": (gan.G, on_g), "discriminator": (gan.D, on_d)}
            check_players(v, f"output/{loss}/{way}/it{it}", after, atol)


@pytest.mark.parametrize("path", files("dynamics-conopt_tf*.npz"))
def test_field_its_length_and_the_pull(path):
    v = Vectors(path)
    atol = v.meta["tolerance"]["abs"]
    for loss in sorted({k.split("/")[1] for k in v.arrays if k.startswith("output/") and k.endswith("/reg")}):
        gan = Replayed(**SMALLEST, loss=loss).replay(*players(v), [v["input/z"][0, 0]])
        on_g, on_d, scalars = gan.gradients(v["input/x_real"][0, 0], graph=True)
        for which in "dg":
            if f"output/{loss}/{which}_loss" in v:
                near(scalars[f"loss/{which}"].detach(), v[f"output/{loss}/{which}_loss"], f"{loss} {which}", atol)
        length = half_square([*on_g, *on_d])
        near(length.detach(), v[f"output/{loss}/reg"], f"length of {loss}", atol)
        check_players(
            v,
            f"output/{loss}/grad",
            {"generator": (gan.G, on_g), "discriminator": (gan.D, on_d)},
            atol,
        )
        pull = torch.autograd.grad(length, [*gan.G.parameters(), *gan.D.parameters()], allow_unused=True)
        pull = [torch.zeros(()) if p is None else p for p in pull]
        n = len(on_g)
        check_players(
            v,
            f"output/{loss}/reg_grad",
            {"generator": (gan.G, pull[:n]), "discriminator": (gan.D, pull[n:])},
            atol,
        )


@pytest.mark.parametrize("path", files("dynamics-conopt_tf*.npz"))
def test_losses(path):
    v = Vectors(path)
    for loss in sorted({k.split("/")[2] for k in v.arrays if k.startswith("output/loss/")}):
        loss_d, loss_g = counterpart(GAMES, loss, "loss")
        real, fake = v["input/logits_real"], v["input/logits_fake"]
        near(loss_d(real, fake), v[f"output/loss/{loss}/d"], f"{loss} of D", v.meta["tolerance"]["abs"])
        near(loss_g(fake), v[f"output/loss/{loss}/g"], f"{loss} of G", v.meta["tolerance"]["abs"])


# ---- the gradient-norm regulariser


@pytest.mark.parametrize("path", files("dynamics-nk17*.npz"))
def test_gradient_norm_regulariser(path):
    v = Vectors(path)
    atol = v.meta["tolerance"]["abs"]
    divided = re.search(r"D: x/([\d.]+)", v.meta["arch"])
    gan = NK17(**SMALLEST, eta=v.meta["eta"])
    gan.G, gan.D = players(v, float(divided.group(1)) if divided else 1.0)
    real, fake = v["input/x_real"], gan.G(v["input/z"])
    loss_d = gan.loss_d(gan.D(real), gan.D(fake))
    slope = gan.d_slope(real, fake)
    near(-loss_d.detach(), v["output/V"], "V", atol)
    near(slope.detach(), v["output/penalty"], "penalty", atol)
    on_d = torch.autograd.grad(-loss_d, list(gan.D.parameters()), retain_graph=True)
    check_players(v, "output/grad_D_of_V", {"discriminator": (gan.D, on_d)}, atol)
    loss_g = gan.loss_g(gan.D(fake)) + gan.eta * slope
    on_g = torch.autograd.grad(loss_g, list(gan.G.parameters()))
    check_players(v, "output/grad_G_of_V_plus_eta_penalty", {"generator": (gan.G, on_g)}, atol)
