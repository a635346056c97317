"""Few samples: the extrapolated distance, seeds with a spread, and the floor of real images."""

import pytest
import torch
from evaluation_fakes import Noise, Sampler

from zoo.data.order import subset
from zoo.evaluation.evaluate import evaluate
from zoo.evaluation.floors import Others, floor
from zoo.evaluation.metrics import frechet_distance, mean_cov
from zoo.evaluation.small import frechet_infinity, over_seeds

SMALL = {"batch_size": 16, "kid_subsets": 2, "extras": ()}


def test_the_extrapolation_takes_the_bias_of_few_samples_away():
    """Two Gaussians 0.5 apart in one of 32 directions: the distance is 0.25, 1,000 samples say more."""
    generator = torch.Generator().manual_seed(0)
    mu, sigma = torch.zeros(32).double().numpy(), torch.eye(32).double().numpy()
    x = torch.randn(1000, 32, generator=generator)
    x[:, 0] += 0.5
    plain = frechet_distance(*mean_cov(x), mu, sigma)
    infinite = frechet_infinity(x, mu, sigma)
    assert plain > 0.5
    assert infinite == pytest.approx(0.25, abs=0.08)
    assert frechet_infinity(x, mu, sigma) == infinite
    with pytest.raises(ValueError, match="it takes 500"):
        frechet_infinity(x[:499], mu, sigma)
    wide = torch.randn(1000, 251, generator=generator)
    with pytest.raises(
        ValueError, match="1,000 fakes of 251 features are too few to extrapolate from: it takes 1,004"
    ):
        frechet_infinity(wide, torch.zeros(251).numpy(), torch.eye(251).numpy())


def test_a_row_of_few_samples_has_it_beside_the_distance():
    few = evaluate(Sampler(8), Noise(80, 8), "random", n_fake=64, **SMALL)["metrics"]
    more = evaluate(Sampler(8), Noise(80, 8), "random", n_fake=2048, **SMALL)["metrics"]
    assert "fdinf_random" not in few
    assert more["fdinf_random"] < more["fd_random"]
    poor = evaluate(Sampler(8), Noise(80, 8), "random", n_fake=600, **SMALL)
    assert "fdinf_random" not in poor["metrics"]
    assert "it takes 2,048" in poor["absent"]["fdinf_random"]


def test_seeds_give_means_and_a_spread():
    values = {3: 1.0, 4: 2.0, 5: 6.0}
    result = over_seeds(lambda s: {"metrics": {"m": values[s]}, "absent": {}, "conditions": {"seed": 3}}, 3, 3)
    assert result["metrics"] == {"m": 3.0}
    assert result["spread"] == {"m": pytest.approx(7**0.5)}
    assert result["conditions"] == {"seed": 3, "n_seeds": 3}
    assert result["classes"] == {}
    one = over_seeds(lambda s: {"metrics": {"m": values[s]}, "conditions": {}}, 3, 1)
    assert "spread" not in one
    with pytest.raises(ValueError, match="at least 1"):
        over_seeds(lambda s: {}, 0, 0)


def test_classes_are_means_over_seeds_as_their_mean_is():
    of_seed = {0: {0: 1.0, 1: 3.0}, 1: {0: 5.0, 1: 4.0}, 2: {0: 0.0, 1: 8.0}}

    def score(seed):
        each = of_seed[seed]
        means = {"intra_fd_random": sum(each.values()) / 2}
        return {"metrics": means, "conditions": {}, "classes": {"intra_fd_random": each}}

    result = over_seeds(score, 0, 3)
    assert result["classes"] == {"intra_fd_random": {0: 2.0, 1: 5.0}}
    assert result["metrics"]["intra_fd_random"] == 3.5


def test_the_floor_scores_reals_that_are_not_in_the_reference():
    data = Noise(200, 8)
    others = Others(data, 120)
    assert set(others.free.tolist()) == set(range(200)) - set(subset(200, 120).tolist())
    a, b = others.sample(50, seed=1), torch.cat([others.sample(20, seed=1), others.sample(30, seed=1, start=20)])
    assert torch.equal(a, b)
    assert not torch.equal(a, others.sample(50, seed=2))

    result = floor(data, ["random"], 40, 120, n_seeds=2, **SMALL)
    model = evaluate(Sampler(8, level=0.5), data, "random", n_fake=40, n_real=120, **SMALL)
    assert result["metrics"]["fd_random"] < model["metrics"]["fd_random"]
    assert result["spread"]["fd_random"] > 0
    assert result["conditions"]["n_seeds"] == 2
    held_out = floor(data, ["random"], 80, None, held_out=Noise(90, 8, seed=5), **SMALL)
    assert held_out["conditions"]["n_real"] == 200


def test_a_floor_draws_no_more_for_a_score_than_for_distances(monkeypatch):
    """sngan-2018 scores 50,000 images, which no set has over."""
    asked = []
    monkeypatch.setattr("zoo.evaluation.floors.evaluate", lambda *_, **options: asked.append(options) or {})
    floor(Noise(200, 8), ["random"], 41, 120, protocol="sngan-2018")
    assert asked[0]["n_is"] == 41


def test_choices_that_share_most_images_have_no_spread():
    """80 images are free: two choices of 41 share one at least, and of 79 nearly all."""
    result = floor(Noise(200, 8), ["random"], 41, 120, n_seeds=3, **SMALL)
    assert "spread" not in result
    assert "n_seeds" not in result["conditions"]


def test_what_one_seed_lacks_is_absent_with_its_reason():
    def score(seed):
        if seed == 1:
            return {"metrics": {"b": 3.0}, "absent": {"a": "not finite"}, "notes": {}, "conditions": {}}
        return {
            "metrics": {"a": 1.0, "b": 1.0},
            "absent": {"c": "no weights"},
            "notes": {"b": "few"},
            "conditions": {},
        }

    result = over_seeds(score, 0, 3)
    assert result["metrics"] == {"b": pytest.approx(5 / 3)}
    assert result["absent"] == {"a": "not finite", "c": "no weights"}
    assert result["notes"] == {"b": "few"}


def test_too_few_reals_for_a_floor_name_numbers_that_fit():
    with pytest.raises(ValueError, match="take --n_fake 100 --n_real 100, halves"):
        floor(Noise(200, 8), ["random"], 150, 120, **SMALL)
