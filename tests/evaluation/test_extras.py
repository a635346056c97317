"""The extras that ship: what they draw, and that they are their definitions' numbers."""

import pytest
import torch
from evaluation_fakes import Noise, Sampler
from torch import nn

from zoo.engine.gan import GAN
from zoo.evaluation.evaluate import evaluate
from zoo.evaluation.ms_ssim import ms_ssim_of_pairs
from zoo.evaluation.subject import Subject, to_uint8
from zoo.evaluation.swd import swd

SMALL = {"n_fake": 21, "kid_subsets": 2}


@pytest.mark.parametrize("batch_size", [4, 5, 50])
def test_swd_and_ms_ssim_of_what_was_scored(sampler, data, batch_size):
    result = evaluate(sampler, data, "random", extras=("swd", "ms_ssim"), batch_size=batch_size, **SMALL)
    fakes = to_uint8(Sampler().sample(21))
    reals = next(data.batches(100, limit=20))[0]
    assert result["metrics"]["ms_ssim"] == pytest.approx(ms_ssim_of_pairs(fakes[:20]), rel=1e-6)
    assert result["metrics"]["ms_ssim_real"] == pytest.approx(ms_ssim_of_pairs(reals), rel=1e-6)
    assert sum(n for _, n in sampler.calls) == 21
    if batch_size == 50:  # the neighbourhoods are drawn batch by batch
        expected = swd([next(data.batches(100, limit=21))[0]], [fakes])
        assert result["metrics"]["swd_average"] == pytest.approx(expected["swd_average"], rel=1e-5)


def test_what_an_extra_cannot_do_is_absent_with_its_reason():
    result = evaluate(Sampler(12), Noise(resolution=12), "random", extras=("swd", "ppl_random"), **SMALL)
    assert "SWD needs squares of 16, 32" in result["absent"]["swd"]
    assert "a model with latents" in result["absent"]["ppl_random"]
    assert set(result["metrics"]) >= {"fd_random"}


class Line(GAN):
    """Images that are one pattern times the first latent; path lengths in z then follow the latent's."""

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(3, 3 * 256), nn.Identity(), resolution=16, latent_dim=3, images_per_step=1, total_kimg=1
        )

    def generate(self, G, z, label, truncation):
        return torch.tanh(G(z)).view(-1, 3, 16, 16)


def test_path_lengths_are_of_indexed_pairs():
    gan = Line().eval()
    found = [
        Subject(gan, Noise(), seed=seed, batch_size=size, n_fake=20) for seed, size in ((0, 8), (0, 32), (1, 8))
    ]
    from zoo.evaluation.extras import ppl_random

    a, b, c = [ppl_random(subject) for subject in found]
    assert set(a) == {"ppl_z_full_random", "ppl_z_end_random"}
    assert a == b
    assert a != c
    assert all(value > 0 for value in a.values())


def test_lpips_without_weights_is_absent(data):
    result = evaluate(Line().eval(), data, "random", extras=("ppl",), **SMALL)
    assert "no LPIPS weights here" in result["absent"]["ppl"]


def test_the_truncation_curve_is_what_scores_at_each_bound_are(data):
    gan, options = Line(), {"n_fake": 40, "n_real": 40, "kid_subsets": 2}
    found = evaluate(gan, data, "random", extras=("truncation",), **options)["metrics"]
    at_bound = evaluate(gan, data, "random", truncation=0.5, extras=(), **options)["metrics"]
    for name in ("fd_random", "precision_random", "recall_random"):
        assert found[f"{name}_at_0.5"] == pytest.approx(at_bound[name], rel=1e-4)
    assert found["fd_random_at_0.25"] != found["fd_random_at_2"]
    absent = evaluate(Sampler(), data, "random", extras=("truncation",), **options)["absent"]
    assert "a model with latents" in absent["truncation"]
