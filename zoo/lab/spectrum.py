"""Jacobian, eigenvalues and rates of the Dirac-GAN's methods at the equilibrium, and the verdicts that follow.

An update is a linear map near the equilibrium. It converges, at the rate of its spectral radius, if all of its
eigenvalues lie inside the unit circle; not, if one lies outside; on the circle the linear map does not decide
(M18, M17; names as in `zoo.lab.dirac`).
"""

import cmath
from dataclasses import dataclass

import numpy as np

from zoo.lab.dirac import Field, Method, method, simulate

STEP = 1e-30  # of the complex-step derivative, which has no rounding error to balance


def jacobian(field: Field, theta: float = 0.0, psi: float = 0.0) -> np.ndarray:
    """dv/d(theta, psi), (2, 2), rows v_theta and v_psi, by a complex step, exact where v is analytic."""
    columns = [field(theta + STEP * 1j, psi + 0j), field(theta + 0j, psi + STEP * 1j)]
    return np.array([[np.imag(v) / STEP for v in column] for column in columns], float).T


def eigenvalues(matrix: np.ndarray) -> tuple[complex, complex]:
    """Both eigenvalues of a (2, 2) matrix, by real and then imaginary part, from its trace and determinant."""
    middle = (matrix[0, 0] + matrix[1, 1]) / 2
    half = (matrix[0, 0] - matrix[1, 1]) / 2
    root = cmath.sqrt(half**2 + matrix[0, 1] * matrix[1, 0])
    first, second = middle - root, middle + root
    return (first, second) if (first.real, first.imag) <= (second.real, second.imag) else (second, first)


def radius(matrix: np.ndarray) -> float:
    return max(abs(x) for x in eigenvalues(matrix))


def update_matrix(
    j: np.ndarray, h: float | tuple[float, float], scheme: str = "sim", n_d: int = 1, n_g: int = 1
) -> np.ndarray:
    """One round of updates at the equilibrium, (2, 2): n_g steps of theta and n_d of psi, or both at once.

    The order of the players changes the matrix of an alternating round, not its eigenvalues.
    """
    h_theta, h_psi = (h, h) if isinstance(h, int | float) else h
    if scheme == "sim":
        return np.eye(2) + np.diag([h_theta, h_psi]) @ j
    g = np.eye(2) + np.diag([h_theta, 0.0]) @ j
    d = np.eye(2) + np.diag([0.0, h_psi]) @ j
    g, d = np.linalg.matrix_power(g, n_g), np.linalg.matrix_power(d, n_d)
    return d @ g if scheme == "alt_gd" else g @ d


def rate(j: np.ndarray, h: float | tuple[float, float], scheme: str = "sim", n_d: int = 1, n_g: int = 1) -> float:
    """Spectral radius of a round of updates: the factor by which the distance shrinks or grows in the long run."""
    return radius(update_matrix(j, h, scheme, n_d, n_g))


def largest_step(values: tuple[complex, ...]) -> float:
    """The step size below which simultaneous updates converge: min -2 Re(l) / |l|^2 (M17's bound); 0 for none."""
    return min(max(0.0, -2 * x.real / abs(x) ** 2) for x in values)


def jump(field: Field, near: float = 1e-9) -> float:
    """What is left of the field at the equilibrium when psi comes from above: 0 where the field is continuous."""
    v_theta, v_psi = field(0.0, near)
    left = float(np.hypot(v_theta, v_psi))
    return left if left > 1e-6 else 0.0


@dataclass(frozen=True)
class Verdict:
    """What was computed of one method.

    Attributes:
        jump: field that is left at the equilibrium; with one there is no Jacobian.
        values: eigenvalues of the Jacobian, or None.
        sim, alt, alt5: spectral radii at the step size, simultaneous, alternating, and with five D steps.
        ends: distances from the equilibrium after 500 steps from (1, 1), in the same order.
        slope: of the logarithm of the alternating run's envelope, for each step, over its second half.
    """

    name: str
    jump: float
    values: tuple[complex, complex] | None
    sim: float
    alt: float
    alt5: float
    ends: tuple[float, float, float]
    slope: float

    @property
    def converges(self) -> bool:
        """Whether small enough steps converge locally at a linear rate."""
        return self.values is not None and max(x.real for x in self.values) < -1e-9

    @property
    def why(self) -> str:
        if self.values is None:
            return f"the field jumps by {2 * self.jump:g} across psi = 0"
        if self.converges:
            return f"all Re < 0: converges for h < {largest_step(self.values):.3g}"
        return "Re = 0: turns around the equilibrium, no linear rate"


def envelope_slope(path: np.ndarray, windows: int = 10) -> float:
    """Mean change of the logarithm of the largest distance of a window from window to window, for each step.

    Only the second half of the path counts; a run that has reached zero counts until there.
    """
    r = np.hypot(*np.moveaxis(path, -1, 0))[len(path) // 2 :]
    windows = min(windows, len(r))
    tops = np.array([part.max() for part in np.array_split(r, windows)])
    tops = np.log(tops[tops > 1e-300])
    if len(tops) < 2:
        return float("-inf")
    return float(np.polyfit(np.arange(len(tops)) * len(r) / windows, tops, 1)[0])


def judge(of: Method, h: float | tuple[float, float] = 0.2) -> Verdict:
    """The verdict over one method at a step size, computed.

    Raises:
        ValueError: for steps that lead out of all bounds.
    """
    gap = jump(of.field)
    j = None if gap else jacobian(of.field)
    with np.errstate(all="ignore"):  # what is not finite is refused
        paths = [simulate(of, h=h, scheme=s, n_d=n) for s, n in (("sim", 1), ("alt_gd", 1), ("alt_gd", 5))]
    if not np.isfinite(paths).all():
        raise ValueError(f"steps of {h} lead {of.name} out of all bounds: give a smaller --h")
    rates = [rate(j, h, s, n) for s, n in (("sim", 1), ("alt_gd", 1), ("alt_gd", 5))] if j is not None else []
    return Verdict(
        name=of.name,
        jump=gap,
        values=None if j is None else eigenvalues(j),
        **dict(zip(("sim", "alt", "alt5"), rates or [float("nan")] * 3, strict=True)),
        ends=tuple(float(np.hypot(*path[-1])) for path in paths),
        slope=envelope_slope(paths[1]),
    )


#: the methods of the card with the notebook's numbers: title -> (name, numbers, step sizes)
JUDGED: dict[str, tuple[str, dict[str, float], float | tuple[float, float]]] = {
    "minimax GAN": ("gan", {}, 0.2),
    "non-saturating GAN": ("nsgan", {}, 0.2),
    "WGAN, not clipped": ("wgan", {}, 0.2),
    "WGAN, clipped at 1": ("wgan_clip", {"clip": 1.0}, 0.2),
    "WGAN-GP": ("wgan_gp", {"gamma": 0.7}, 0.2),
    "GAN-GP, DRAGAN": ("gan_gp", {"gamma": 0.7}, 0.2),
    "instance noise 0.7": ("gan_instnoise", {"sigma": 0.7}, 0.2),
    "JS regulariser (Roth) 0.3": ("gan_js", {"gamma": 0.3}, 0.2),
    "R1 0.3": ("gan_r1", {"gamma": 0.3}, 0.2),
    "R2 0.3": ("gan_r2", {"gamma": 0.3}, 0.2),
    "R1 1 (critical)": ("gan_r1", {"gamma": 1.0}, 0.2),
    "non-saturating R1 0.3": ("nsgan_r1", {"gamma": 0.3}, 0.2),
    "WGAN with R1 0.3": ("wgan_r1", {"gamma": 0.3}, 0.2),
    "consensus 1": ("gan_conopt", {"gamma": 1.0}, 0.2),
    "gradient norm (NK17) 0.5": ("gan_nk17", {"eta": 0.5}, 0.2),
    "TTUR 0.05, 0.4": ("gan", {}, (0.05, 0.4)),
    "TTUR 0.05, 0.4 with R1 0.3": ("gan_r1", {"gamma": 0.3}, (0.05, 0.4)),
}


def verdicts() -> dict[str, Verdict]:
    """The table of verdicts: title -> what was computed."""
    return {title: judge(method(name, **numbers), h) for title, (name, numbers, h) in JUDGED.items()}
