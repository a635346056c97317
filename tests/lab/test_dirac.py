"""The Dirac-GAN against what can be derived: exact identities, limits, asymptotics, and the table of verdicts.

The facts are numbered as in the card of the theory; r is the distance from the equilibrium.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.lab.dirac import ADDED, GAMES, method, simulate
from zoo.lab.spectrum import (
    eigenvalues,
    envelope_slope,
    jacobian,
    judge,
    largest_step,
    rate,
    update_matrix,
    verdicts,
)

H = 0.2
numbers = st.floats(-2, 2)
rates = st.floats(0.01, 0.5)


def r(path: np.ndarray) -> np.ndarray:
    return np.hypot(*np.moveaxis(path, -1, 0))


def f_prime(s):
    return 1 / (1 + np.exp(s))


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("added", ["conopt", "nk17", "r1", "js", "instnoise"])
def test_fields_are_gradients_of_what_they_say(game, added):
    """Consensus: v minus gamma times the slope of |v|^2/2, and NK17 and the penalties likewise, by differences."""
    base, of = method(game).field, method(f"{game}_{added}").field
    theta, psi, e = 0.7, -1.1, 1e-6
    v = np.array(base(theta, psi))

    def slope(value):
        return np.array(
            [
                (value(theta + e, psi) - value(theta - e, psi)) / (2 * e),
                (value(theta, psi + e) - value(theta, psi - e)) / (2 * e),
            ]
        )

    x, w = np.polynomial.hermite_e.hermegauss(60)
    x, w = 0.7 * x, w / w.sum()

    def noisy(t, p):  # L under noise, G's side where the loss saturates
        return -(np.log1p(np.exp(-p * (t + x))) @ w) - np.log1p(np.exp(p * x)) @ w

    expected = {
        "conopt": lambda: v - slope(lambda t, p: 0.5 * sum(np.square(base(t, p)))),
        "nk17": lambda: v - [slope(lambda t, p: 0.5 * base(t, p)[1] ** 2)[0], 0],
        "r1": lambda: v - [0, slope(lambda t, p: 0.15 * p**2)[1]],
        "js": lambda: v - [0, slope(lambda t, p: 0.15 * p**2 * (0.25 + f_prime(p * t) ** 2))[1]],
        "instnoise": lambda: slope(noisy) * [-1, 1],
    }
    if added == "instnoise" and game != "gan":
        return  # the other games have no common L
    np.testing.assert_allclose(of(theta, psi), expected[added](), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ["gan", "nsgan", "gan_conopt", "nsgan_conopt", "gan_nk17", "gan_js", "wgan_r1"])
def test_jacobian_is_that_of_differences(name):
    of, point, e = method(name), (0.3, -0.8), 1e-6
    columns = []
    for axis in np.eye(2) * e:
        columns.append((np.array(of.field(*(point + axis))) - of.field(*(point - axis))) / (2 * e))
    np.testing.assert_allclose(jacobian(of.field, *point), np.array(columns).T, rtol=1e-6, atol=1e-8)


# ---- section 3.2: closed forms

CLOSED = {
    "gan": lambda g: (-0.5j, 0.5j),
    "nsgan": lambda g: (-0.5j, 0.5j),
    "wgan": lambda g: (-1j, 1j),
    "gan_instnoise": lambda g: pair(-(g**2) / 4, g**4 / 16 - 0.25),
    "gan_r1": lambda g: pair(-g / 2, g**2 / 4 - 0.25),
    "nsgan_r2": lambda g: pair(-g / 2, g**2 / 4 - 0.25),
    "wgan_r1": lambda g: pair(-g / 2, g**2 / 4 - 1),
    "gan_js": lambda g: pair(-g / 4, g**2 / 16 - 0.25),
    "gan_conopt": lambda g: (-g / 4 - 0.5j, -g / 4 + 0.5j),
    "wgan_conopt": lambda g: (-g - 1j, -g + 1j),
    "gan_nk17": lambda g: pair(-g / 4, g**2 / 16 - 0.25),
}
NUMBER = {"instnoise": "sigma", "nk17": "eta", "": None}


def pair(middle: float, square: float) -> tuple[complex, complex]:
    root = complex(square) ** 0.5
    return middle - root, middle + root


def of_number(name: str, g: float):
    number = NUMBER.get(name.partition("_")[2], "gamma")
    return method(name, **({number: g} if number else {}))


@pytest.mark.parametrize("name", sorted(CLOSED))
@pytest.mark.parametrize("g", [0.1, 0.5, 0.9, 1.7, 3.0])
def test_eigenvalues_are_the_closed_forms(name, g):
    np.testing.assert_allclose(eigenvalues(jacobian(of_number(name, g).field)), CLOSED[name](g), atol=1e-12)


@pytest.mark.parametrize("name", ["gan_r1", "gan_conopt", "gan_nk17", "gan_instnoise", "wgan_r1"])
@pytest.mark.parametrize("g", [0.3, 1.4, 2.5])
def test_the_bound_of_the_step_size_is_where_the_circle_is_left(name, g):
    j = jacobian(of_number(name, g).field)
    bound = largest_step(eigenvalues(j))
    assert rate(j, 0.999 * bound) < 1 < rate(j, 1.001 * bound)


@settings(deadline=None, max_examples=60)
@given(g=st.floats(0.05, 0.99), h=st.floats(0.01, 1.5))
def test_r1_below_its_critical_weight(g, h):
    """|mu|^2 = 1 - h gamma + h^2 a^2, so h < 4 gamma; alternating and complex, 1 - h gamma."""
    j = jacobian(method("gan_r1", gamma=g).field)
    assert rate(j, h) == pytest.approx(math.sqrt(1 - h * g + h**2 / 4), rel=1e-12)
    assert largest_step(eigenvalues(j)) == pytest.approx(4 * g, rel=1e-12)
    values = eigenvalues(update_matrix(j, h, "alt_gd"))
    if abs(values[0].imag) > 1e-6:
        assert rate(j, h, "alt_gd") == pytest.approx(math.sqrt(1 - h * g), rel=1e-9)
    assert np.linalg.det(update_matrix(j, h, "alt_gd")) == pytest.approx(1 - h * g, rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(g=rates, h_theta=rates, h_psi=rates, n_g=st.integers(1, 4), n_d=st.integers(1, 6))
def test_general_trace_and_determinant_of_a_round(g, h_theta, h_psi, n_g, n_d):
    j = jacobian(method("gan_r1", gamma=g).field)
    keep = 1 - h_psi * g
    trace = 1 + keep**n_d - n_g * h_theta * h_psi * 0.25 * sum(keep**k for k in range(n_d))
    for scheme in ("alt_gd", "alt_dg"):
        matrix = update_matrix(j, (h_theta, h_psi), scheme, n_d, n_g)
        assert np.trace(matrix) == pytest.approx(trace, rel=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(keep**n_d, rel=1e-9, abs=1e-12)
        assert (rate(j, (h_theta, h_psi), scheme, n_d, n_g) < 1) == (abs(trace) < 1 + keep**n_d < 2)


@pytest.mark.parametrize(("n_g", "n_d"), [(1, 1), (1, 5), (3, 2)])
def test_more_steps_of_a_player_do_not_help_without_a_penalty(n_g, n_d):
    """alpha = sqrt(n_g n_d) h f'(0): on the unit circle up to 2, outside beyond."""
    j = jacobian(method("gan").field)
    edge = 2 / (math.sqrt(n_g * n_d) * 0.5)
    assert rate(j, 0.99 * edge, "alt_gd", n_d, n_g) == pytest.approx(1, abs=1e-12)
    assert rate(j, 1.01 * edge, "alt_gd", n_d, n_g) > 1.05


def test_the_card_s_examples_of_rates():
    for name, g, expected in [
        ("gan_r1", 0.3, (0.97468, 0.96954, 0.85668)),
        ("gan_r1", 1.0, (0.9, 0.92702, 0.94865)),
        ("gan_instnoise", 0.7, (0.98031, 0.97519, 0.88196)),
        ("gan_conopt", 1.0, (0.95525, 0.95, 0.85737)),
        ("gan_nk17", 0.5, (0.9798, 0.97468, 0.97468)),
    ]:
        j = jacobian(of_number(name, g).field)
        found = rate(j, H), rate(j, H, "alt_gd"), rate(j, H, "alt_gd", 5)
        np.testing.assert_allclose(found, expected, atol=6e-6, err_msg=name)


def test_critical_weight_of_alternating_updates_comes_earlier():
    """2a - h a^2 = 0.95 at h = 0.2, where both eigenvalues are 0.9; at 1 they are 0.92702 and 0.86298."""
    double = eigenvalues(update_matrix(jacobian(method("gan_r1", gamma=0.95).field), H, "alt_gd"))
    np.testing.assert_allclose(double, 0.9, atol=1e-7)
    two = eigenvalues(update_matrix(jacobian(method("gan_r1", gamma=1.0).field), H, "alt_gd"))
    np.testing.assert_allclose(two, (0.86298, 0.92702), atol=6e-6)


@pytest.mark.parametrize("g", [0.2, 0.6, 1.0, 1.3])
def test_path_of_r1_s_eigenvalues_lies_on_a_circle_and_then_on_the_line(g):
    values = eigenvalues(jacobian(method("gan_r1", gamma=g).field))
    assert (values[0] * values[1]).real == pytest.approx(0.25)
    assert [abs(x) == pytest.approx(0.5) for x in values] == [g <= 1] * 2
    assert (abs(values[0].imag) > 0) == (g < 1)


def test_ends_of_the_notebook_s_eigenvalue_figure():
    """It plots up to 1.5 times the critical weight and calls that twice."""
    ends = {g: eigenvalues(jacobian(method("gan_r1", gamma=g).field)) for g in (1.5, 2.0)}
    np.testing.assert_allclose(ends[1.5], (-1.309, -0.191), atol=5e-4)
    np.testing.assert_allclose(ends[2.0], (-1.866, -0.134), atol=5e-4)


@pytest.mark.parametrize("scheme", ["sim", "alt_gd"])
def test_runs_have_the_rate_of_the_spectral_radius(scheme):
    of = method("gan_r1", gamma=0.3)
    path = simulate(of, scheme=scheme)
    found = (r(path)[400] / r(path)[200]) ** (1 / 200)
    assert found == pytest.approx(rate(jacobian(of.field), H, scheme), abs=0.002)


# ---- section 3.3: facts


@settings(deadline=None, max_examples=25)
@given(theta=numbers, psi=numbers, h=rates)
def test_1_minimax_grows_exactly_so_at_every_step_size(theta, psi, h):
    path = simulate(method("gan"), (theta, psi), h, 20)
    s = path.prod(-1)[:-1]
    np.testing.assert_allclose(r(path)[1:] ** 2, r(path)[:-1] ** 2 * (1 + h**2 * f_prime(s) ** 2), rtol=1e-12)


def test_1_minimax_keeps_its_radius_in_continuous_time():
    path = simulate(method("gan"), h=1e-4, steps=20_000)
    assert np.ptp(r(path)) < 1e-4


def test_2_wgan_grows_by_one_factor():
    path = simulate(method("wgan"))
    np.testing.assert_allclose(r(path)[1:] ** 2, r(path)[:-1] ** 2 * (1 + H**2), rtol=1e-12)
    assert r(path)[-1] == pytest.approx(2.564e4, rel=1e-3)


@pytest.mark.parametrize(("scheme", "sign"), [("alt_gd", -1), ("alt_dg", 1)])
def test_3_alternating_wgan_conserves_an_ellipse(scheme, sign):
    theta, psi = np.moveaxis(simulate(method("wgan"), scheme=scheme), -1, 0)
    kept = theta**2 + psi**2 + sign * H * theta * psi
    np.testing.assert_allclose(kept, kept[0], rtol=1e-11)


def test_4_nonsaturating_converges_slowly_in_continuous_time():
    path = simulate(method("nsgan"), h=1e-3, steps=20_000)
    s, squares = path.prod(-1), r(path) ** 2
    np.testing.assert_allclose(np.diff(squares) / 1e-3, (-2 * s * np.tanh(s / 2))[:-1], atol=1.1e-3)
    assert r(path)[-1] < r(path)[0]


def test_4_nonsaturating_alternating_has_the_radius_law():
    path = simulate(method("nsgan"), steps=5000, scheme="alt_gd")
    assert r(path)[-1] == pytest.approx(1 / math.sqrt(1 / 2 + H * 5000 / 8), rel=0.03)


@pytest.mark.parametrize(("h", "measured"), [(0.4, 0.8904), (0.2, 0.6317), (0.1, 0.4471), (0.05, 0.3177)])
def test_4_nonsaturating_simultaneous_ends_on_a_cycle(h, measured):
    radii = r(simulate(method("nsgan"), h=h, steps=int(800 / h)))[-int(100 / h) :]
    assert radii.mean() == pytest.approx(math.sqrt(2 * h), rel=0.01)
    assert radii.mean() == pytest.approx(measured, rel=5e-3)  # the card's runs, whose length is not known


def test_5_r1_loses_its_radius_at_a_known_speed_and_from_everywhere():
    path = simulate(method("gan_r1", gamma=0.3), h=1e-3, steps=5000)
    np.testing.assert_allclose(np.diff(r(path) ** 2) / 1e-3, -0.6 * path[:-1, 1] ** 2, atol=1.2e-3)
    starts = np.random.default_rng(0).uniform(-4, 4, (2, 50))
    ends = simulate(method("gan_r1", gamma=0.3), tuple(starts), 0.1, 3000)[-1]
    assert np.hypot(*ends.T).max() < 1e-3


def crossings(path: np.ndarray) -> np.ndarray:
    """|theta| where psi changes its sign, late in the run, between two steps on a line."""
    theta, psi = path[len(path) * 3 // 4 :].T
    at = np.nonzero(psi[:-1] * psi[1:] < 0)[0]
    part = psi[at] / (psi[at] - psi[at + 1])
    return abs(theta[at] + part * (theta[at + 1] - theta[at]))


@pytest.mark.parametrize(("gamma", "target", "radius"), [(0.7, 1.0, 1.3266), (1.2, 0.6, 0.8708)])
def test_6_wgan_gp_turns_on_a_cycle(gamma, target, radius):
    w = math.sqrt(1 - gamma**2 / 4)
    formula = gamma * target / math.tanh(math.pi * gamma / (4 * w))
    assert formula == pytest.approx(radius, abs=6e-5)
    path = simulate(method("wgan_gp", gamma=gamma, target=target), h=0.002, steps=30_000)
    assert crossings(path).mean() == pytest.approx(formula, rel=0.006)


def test_6_wgan_gp_s_cycle_of_larger_steps_is_larger():
    of = method("wgan_gp", gamma=0.7)
    for h, measured in ((0.02, 1.3580), (0.2, 1.7714)):
        assert crossings(simulate(of, h=h, steps=int(200 / h))).mean() == pytest.approx(measured, rel=0.01)


@pytest.mark.parametrize("gamma", [2.0, 2.6])
def test_6_wgan_gp_of_a_large_weight_sticks_to_wrong_points(gamma):
    path = simulate(method("wgan_gp", gamma=gamma, target=1.0), h=0.002, steps=30_000)
    np.testing.assert_allclose(abs(path[-1]), (gamma, 0), atol=0.02)


def test_7_gan_gp_converges_to_a_wrong_generator():
    path = simulate(method("gan_gp", gamma=0.7), scheme="alt_gd")
    assert 0.7 + 0.7**2 >= 1
    np.testing.assert_allclose(abs(path[-1]), (1.4, 0), atol=1e-6)


def test_8_clipped_wgan_keeps_its_circle_or_ends_on_the_clip_s():
    of = method("wgan_clip", clip=1.0)
    outside = simulate(of, (2.0, 0.5), 1e-3, 30_000)
    inside = simulate(of, (0.3, 0.4), 1e-4, 20_000)
    assert r(outside)[-7000:] == pytest.approx(1, abs=0.01)
    assert r(inside) == pytest.approx(0.5, abs=1e-3)
    late = r(simulate(of, steps=2000))[400:]
    assert 1.0 <= late.min() < late.max() <= 1.275


def test_9_consensus_on_the_saturating_loss_converges_from_near_only():
    """The card's 60 starts in [-3, 3]^2: 24 converge, 60 of the non-saturating form; five D steps escape."""
    starts = tuple(np.random.default_rng(0).uniform(-3, 3, (2, 400)))
    share = {
        name: (np.hypot(*simulate(method(name), starts)[-1].T) < 1e-3).mean()
        for name in ("gan_conopt", "gan_conopt_notebook", "nsgan_conopt")
    }
    assert share["gan_conopt"] == pytest.approx(24 / 60, abs=0.15)
    assert share["gan_conopt_notebook"] == pytest.approx(56 / 60, abs=0.1)
    assert share["nsgan_conopt"] == 1
    assert r(simulate(method("gan_conopt")))[-1] < 1e-9
    assert r(simulate(method("gan_conopt"), scheme="alt_gd", n_d=5))[-1] == pytest.approx(10.97, abs=0.01)


# ---- the table


def test_verdicts_are_those_of_the_theory():
    """M18's Table 1 on this problem, whose distributions are points: its column of the general case."""
    table = verdicts()
    converge = {title for title, verdict in table.items() if verdict.converges}
    assert converge == {
        "instance noise 0.7",
        "JS regulariser (Roth) 0.3",
        "R1 0.3",
        "R2 0.3",
        "R1 1 (critical)",
        "non-saturating R1 0.3",
        "WGAN with R1 0.3",
        "consensus 1",
        "gradient norm (NK17) 0.5",
        "TTUR 0.05, 0.4 with R1 0.3",
    }
    for title, verdict in table.items():
        assert verdict.converges == (verdict.slope < -0.01), title  # the runs agree with the linearisation
        assert (verdict.ends[1] < 1e-3) == verdict.converges, title
    assert table["WGAN-GP"].jump == pytest.approx(0.7)


def test_slope_of_a_known_envelope():
    k = np.arange(501)
    path = 0.97 ** k[:, None] * np.stack([np.cos(k), np.sin(k)], 1)
    assert envelope_slope(path) == pytest.approx(math.log(0.97), rel=0.005)
    assert judge(method("gan_r1", gamma=0.3)).slope == pytest.approx(math.log(0.96954), abs=0.001)


def test_names_and_mistakes():
    assert method("r1").name == "gan_r1"
    assert {method(a).name for a in ADDED if a} == {f"gan_{a}" for a in ADDED if a}
    with pytest.raises(ValueError, match="no method 'gan_r3' of the Dirac-GAN"):
        method("gan_r3")
    with pytest.raises(ValueError, match="r1 has no such number: sigma"):
        method("r1", sigma=1.0)
    with pytest.raises(ValueError, match="no scheme 'both'"):
        simulate(method("gan"), scheme="both")
