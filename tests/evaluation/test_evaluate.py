import math
import os
import pickle
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from evaluation_fakes import Noise, Sampler
from hypothesis import given
from hypothesis import strategies as st

from zoo.evaluation.distributed import round_robin
from zoo.evaluation.evaluate import build_extractors, evaluate
from zoo.evaluation.extractors import Extractor, build
from zoo.evaluation.subject import Subject, to_uint8

RANDOM = {"fwd-1", "auth_pct_random"} | {
    "fd_random",
    "kid_random",
    "precision_random",
    "recall_random",
    "density_random",
    "coverage_random",
}
SMALL = {"n_fake": 37, "batch_size": 8, "kid_subsets": 5, "kid_subset_size": 20}


def test_round_to_bytes():
    x = torch.tensor([-1.0, 1.0, 0.0, -3.0, 3.0, 0.001, 0.0051])
    levels = 127.5 * x + 127.5
    assert to_uint8(x).tolist() == [0, 255, 128, 0, 255, 128, 128]
    assert to_uint8(x, "truncate").tolist() == levels.clamp(0, 255).floor().int().tolist()
    every = torch.arange(256)
    assert torch.equal(to_uint8(every / 127.5 - 1).int(), every.int())
    assert torch.equal(to_uint8(every.to(torch.uint8)), every.to(torch.uint8))


def test_result_names_its_conditions(sampler, data):
    result = evaluate(sampler, data, "random", n_real=50, seed=3, protocol="torch-fidelity", **SMALL)
    assert set(result["metrics"]) == RANDOM
    assert set(result["absent"]) == {"c_t"}  # noise has no held-out images
    conditions = result["conditions"]
    assert conditions["extractors"]["random"] == {"id": build("random").id, "resize": build("random").resize}
    expected = {"n_real": 50, "n_fake": 37, "seed": 3, "rounding": "round", "truncation": None, "is_splits": 10}
    assert expected.items() <= conditions.items()
    assert conditions["kid_subset_size"] == 20
    assert conditions["protocol"] == "torch-fidelity"


def test_a_better_generator_scores_better(data):
    scores = [evaluate(Sampler(spread=s), data, "random", **SMALL)["metrics"] for s in (0.05, 0.3, 0.55)]
    assert scores[0]["fd_random"] > scores[1]["fd_random"] > scores[2]["fd_random"] > 0
    assert scores[0]["kid_random"] > scores[1]["kid_random"] > scores[2]["kid_random"]


def test_the_data_itself_scores_zero(data):
    metrics = evaluate(
        lambda n, seed, start: data.pixels[start : start + n],
        data,
        "random",
        n_fake=len(data),
        is_splits=1,
        kid_subset_size=len(data),
        kid_subsets=1,
    )["metrics"]
    assert metrics["fd_random"] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("batch_size", [1, 5, 36, 37, 100])
def test_batch_size_does_not_matter(sampler, data, batch_size):
    reference = evaluate(sampler, data, "random", **SMALL)["metrics"]
    other = evaluate(sampler, data, "random", **SMALL | {"batch_size": batch_size})["metrics"]
    assert other == pytest.approx(reference, rel=1e-4, abs=1e-6)
    assert sum(n for _, n in sampler.calls) == 2 * 37


@given(n=st.integers(1, 50), block=st.integers(1, 9), world=st.integers(1, 7))
def test_round_robin_undoes_the_dealing(n, block, world):
    rows = torch.arange(n)
    parts = [torch.cat([*rows.split(block)[r::world], rows[:0]]) for r in range(world)]
    assert torch.equal(round_robin(parts, block), rows)


def _score(rank: int, world: int, folder: str) -> None:
    torch.set_num_threads(1)
    os.environ["ZOO_CACHE"] = f"{folder}/cache{world}"
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world)

    class Normed(torch.nn.Module):
        """Its samples depend on a buffer in which the ranks disagree, as batch norm's statistics do."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("level", torch.tensor(0.5 * rank))

        def sample(self, n, **options):
            return Sampler(level=float(self.level)).sample(n, **options)

    gan = Normed()
    results = [evaluate(gan, Noise(), "random", extras=("ms_ssim", "swd"), **SMALL) for _ in range(2)]
    assert float(gan.level) == 0.5 * rank
    Path(folder, f"{rank}.pickle").write_bytes(pickle.dumps(results))
    dist.destroy_process_group()


def test_two_processes_give_what_one_gives(sampler, data, tmp_path):
    """37 fakes and 61 reals divide neither by 2 nor by the batch; the second pass reads the cache."""
    alone = evaluate(sampler, data, "random", extras=("ms_ssim", "swd"), **SMALL)
    torch.multiprocessing.spawn(_score, (2, str(tmp_path)), nprocs=2)
    for rank in range(2):
        for result in pickle.loads((tmp_path / f"{rank}.pickle").read_bytes()):
            assert result["metrics"] == pytest.approx(alone["metrics"], rel=1e-5)
            assert result["conditions"] == alone["conditions"]


def test_missing_inception_is_absent_with_its_reason(sampler, data):
    result = evaluate(sampler, data, ["inception", "random"], **SMALL)
    assert set(result["metrics"]) == RANDOM
    assert set(result["absent"]) == {"fid", "is_mean", "is_std", "kid", "c_t"}
    assert "ZOO_INCEPTION" in result["absent"]["fid"]
    assert set(result["conditions"]["extractors"]) == {"random"}
    nothing = evaluate(sampler, data, **SMALL)
    assert set(nothing["metrics"]) == {"fwd-1"}
    assert set(nothing["absent"]) == {"fid", "is_mean", "is_std", "kid", "c_t"}


def test_the_2015_inception_gives_fid_and_scores(sampler, data):
    """A stand-in network with Inception's name: which numbers come out, from one pass over the fakes."""

    class Standin(torch.nn.Module):
        def forward(self, images):
            features = images.float().mean((2, 3)) / 255
            return features, features @ torch.randn(3, 7, generator=torch.Generator().manual_seed(0))

    extractors = [Extractor("inception", "inception-test:0", "none", Standin()), build("random")]
    metrics = evaluate(sampler, data, extractors, **SMALL)["metrics"]
    scores = {"fid", "is_mean", "is_std", "is_1", "kid", "precision", "recall", "density", "coverage"}
    assert set(metrics) == scores | RANDOM | {"auth_pct_inception"}
    assert len(sampler.calls) == 5
    assert metrics["is_mean"] >= 1


def test_samples_that_are_not_finite_have_no_score(data):
    class Broken(Sampler):
        def sample(self, n, start=0, **options):
            images = super().sample(n, start=start, **options)
            images[start <= 10 < start + n, 0, 0, 0] = torch.nan
            return images

    result = evaluate(Broken(), data, "random", **SMALL | {"batch_size": 1})
    assert result["metrics"] == {}
    assert result["absent"]["fd_random"] == "1 of 37 samples are not finite"


def test_ema_is_recorded_only_if_there_is_one(data):
    sampler = Sampler()
    assert evaluate(sampler, data, "random", **SMALL)["conditions"]["ema"] is True
    sampler.G_ema = None
    assert evaluate(sampler, data, "random", **SMALL)["conditions"]["ema"] is False


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rounding": "up"}, "rounding must be one of"),
        ({"n_fake": 1}, "at least 2 fakes"),
        ({"n_real": 62}, "n_real is 62, but noise has 61"),
    ],
)
def test_bad_options(sampler, data, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        evaluate(sampler, data, "random", **SMALL | options)


def test_two_resolutions_are_not_compared(data):
    with pytest.raises(ValueError, match="one resolution"):
        evaluate(Sampler(resolution=8), data, "random", **SMALL)


def test_extractors_can_be_built_once():
    built, missing = build_extractors(["inception", "random"])
    assert [one.name for one in built] == ["random"]
    assert list(missing) == ["inception"]
    assert build_extractors(built) == (built, {})


def brightness(subject: Subject) -> dict[str, float]:
    """An extra: it looks at images of the pass a second time, and at the reals."""
    mine = [images.float().mean((1, 2, 3)).cpu() for _, images in subject.fakes(30)]
    fake = subject.gather(torch.cat(mine) if mine else None)
    reals = [images.float().mean((1, 2, 3)) for images, _ in subject.reals(20)]
    real = subject.gather_reals(torch.cat(reals) if reals else None)
    return (
        {} if fake is None else {"brightness": (fake.mean() - real.mean()).item(), "n_seen": len(fake) + len(real)}
    )


def refuse(subject: Subject) -> dict[str, float]:
    raise ValueError("16 px are too few")


def test_extras_enter_the_row_without_drawing_twice(sampler, data):
    names = (f"{__name__}:brightness", f"{__name__}:refuse")
    result = evaluate(sampler, data, "random", extras=names, **SMALL)
    assert result["metrics"]["n_seen"] == 50
    expected = sum(to_uint8(sampler.sample(30)).float().mean((1, 2, 3))) / 30
    chosen = torch.cat([images for images, _ in data.batches(20, limit=20)]).float().mean()
    assert result["metrics"]["brightness"] == pytest.approx(float(expected - chosen), rel=1e-4)
    assert result["absent"] == {names[1]: "16 px are too few"}
    assert result["conditions"]["changed"]["extras"] == list(names)
    assert [n for _, n in sampler.calls] == [8, 8, 8, 8, 5, 30]  # the last is this test's own
    with pytest.raises(ValueError, match="no metric of extras is called 'swdd'"):
        evaluate(sampler, data, "random", extras=("swdd",), **SMALL)


def test_a_model_prepares_itself_for_sampling(data):
    class Prepared(Sampler):
        state = "as trained"

        @contextmanager
        def prepared(self, truncation, ema, seed):
            self.state = f"standing at {truncation}"
            yield {"standing_statistics": "16 batches of 64"}
            self.state = "as trained"

        def sample(self, n, **options):
            assert self.state == "standing at 0.5"
            return super().sample(n, **options)

    gan = Prepared()
    result = evaluate(gan, data, "random", truncation=0.5, **SMALL)
    assert result["conditions"]["standing_statistics"] == "16 batches of 64"
    assert gan.state == "as trained"


def test_what_differs_from_the_protocol_is_recorded(sampler, data):
    sizes = {"n_fake": 37, "n_is": 37, "n_real": 20}
    conditions = evaluate(sampler, data, "random", protocol="sngan-2018", **sizes)["conditions"]
    assert conditions["rounding"] == "truncate"
    assert conditions["protocol"] == "sngan-2018"
    assert conditions["changed"] == sizes
    with pytest.raises(ValueError, match="no protocol is called 'sngan': choose one of zoo,"):
        evaluate(sampler, data, "random", protocol="sngan")
    sampler.calls.clear()
    with pytest.raises(ValueError, match="n_real is 100, but noise has 61"):
        evaluate(sampler, data, "random", n_fake=37, n_real=100)
    assert not sampler.calls
    with pytest.raises(TypeError, match="no option n_fakes"):
        evaluate(sampler, data, "random", n_fakes=4)


def test_few_images_are_named_and_never_nan(sampler, data):
    """Fewer images than features, and a generator that always draws the same image."""
    result = evaluate(sampler, data, "random", **SMALL)
    assert result["notes"]["fd_random"] == (
        "degenerate: the covariance of 37 generated and 61 real images has a rank below 512"
    )
    collapsed = evaluate(lambda n, seed, start: torch.zeros(n, 3, 16, 16), data, "random", **SMALL)
    assert all(math.isfinite(value) for value in collapsed["metrics"].values())
    assert collapsed["metrics"]["recall_random"] == 0


def test_intra_class_distance(data):
    """Fakes that are the reals, class by class, score 0; with the classes' images swapped they do not."""

    class Classes(Sampler):
        n_classes = 2

        def __init__(self, order):
            super().__init__()
            self.order = order

        def indexed_latents(self, n, seed, start, truncation=None):
            return torch.zeros(n, 4), data.labels[start : start + n]

        def sample(self, n, start=0, **options):
            return data.pixels[self.order][start : start + n]

    data.labels, data.pixels[31:] = (torch.arange(61) > 30).long(), data.pixels[31:] // 2
    data.batches = lambda *a, **k: iter([(data.pixels, data.labels)])
    options = SMALL | {"n_fake": 61}
    same = evaluate(Classes(torch.arange(61)), data, "random", **options)["metrics"]
    swapped = evaluate(Classes(torch.arange(61).flip(0)), data, "random", **options)["metrics"]
    assert same["intra_fd_random"] == pytest.approx(0, abs=1e-5)
    assert swapped["intra_fd_random"] > 1
    assert swapped["fd_random"] == pytest.approx(same["fd_random"], abs=1e-4)
