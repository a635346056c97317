"""GAN dynamics against golden vectors: the Dirac-GAN, consensus optimisation, the gradient-norm regulariser.

Everything is built from a file's meta.
"""

import re

import numpy as np
import pytest
from vectors import Vectors, counterpart, files

from zoo.lab.dirac import Method, field_on, method, simulate
from zoo.lab.spectrum import eigenvalues, jacobian, rate

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
            # double eigenvalues move by the root of a rounding error
            defective = 1e-7 if abs(values[0] - values[1]) < 1e-6 else atol
            theirs = min(  # the order of a pair whose real parts differ by rounding says nothing
                (out["eig_J"][i], out["eig_J"][i][::-1]), key=lambda x, values=values: abs(x - values).sum()
            )
            near(values, theirs, f"eigenvalues of {where}", defective)
            for k, h in enumerate(hs):
                near(rate(j, h), out["rho_sim"][i, k], f"simultaneous {where}, h {h}", defective)
                for n, n_d in enumerate(nds):
                    for scheme in ("alt_gd", "alt_dg"):
                        ours = rate(j, h, scheme, n_d)
                        near(ours, out["rho_alt"][i, k, n], f"{scheme} {where}, h {h}, n_d {n_d}", 1e-7)
