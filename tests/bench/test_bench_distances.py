"""The worth of distances: what is measured is what is told, on sets small enough for a test."""

import json

import torch

from zoo.bench import distances as bench
from zoo.data import Drawn
from zoo.evaluation.extractors import build


def small(n, **options):
    data = Drawn(n_images=n, resolution=16, **options)
    data.setup()
    return data


def test_the_whole_of_it(tmp_path, monkeypatch):
    """Every distance by every disturbance, with the untrained network in EfficientNet's place."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(bench, "build", lambda name: build("random"))
    monkeypatch.setattr(bench, "PIXELS", {"noise": (8, 32), "blur": (1,), "jpeg": (10,)})
    monkeypatch.setattr(bench, "SWD_PATCHES", 2)
    strangers = {name: small(64) for name in ("faces", "photographs")}
    sizes = {"n": 60, "n_real": 100, "bias": (40, 100), "sizes": (50,)}
    *parts, result = bench.run(small(300), small(200), strangers, **sizes, domain_epochs=1, report=lambda _: None)
    assert list(result["measures"]) == ["fd_random", "fd_domain", "fwd-1", "fd_efficientnet-lite0", "swd"]
    assert len(parts) == 4
    for found in result["measures"].values():
        noise = found["levels"]["noise"]
        assert bench.monotone(noise)
        assert found["bias"][0] > found["bias"][1]
        assert len(found["levels"]["missing classes"]) == 1 + len(bench.SETS["missing classes"])
    files = bench.save(result, tmp_path / "worth")
    assert [path.suffix for path in files] == [".json", ".md", ".png"]
    assert json.loads(files[0].read_text())["conditions"]["n"] == 60
    text = files[1].read_text()
    assert "| `fd_efficientnet-lite0` |" in text
    assert len({line.count("|") for line in text.splitlines()}) == 1


def test_one_per_cent_is_told_from_two_only_by_what_sees_strangers():
    rows = torch.randn(400, 4, generator=torch.Generator().manual_seed(0))
    strangers = {"far": rows[:50] + 30}
    seeing = bench.Measure("mean", lambda x: x, lambda x: float(x.mean()), 5)
    blind = bench.Measure("first", lambda x: x, lambda x: float(x[0].sum()), 5)
    for measure in (seeing, blind):
        bench.resolves(measure, rows, strangers, (100, 200))
    assert bench.enough(seeing, "far", (100, 200)) == "100"
    assert seeing.found["told"]["far"] == [1.0, 1.0]
    seeing.most = 100  # larger sets are left out
    bench.resolves(seeing, rows, strangers, (100, 200))
    assert seeing.found["told"]["far"] == [1.0]
    assert bench.enough(blind, "far", (100, 200)) == "more than 200"


def test_monotone_is_strict():
    assert bench.monotone([1, 2, 3])
    assert not bench.monotone([1, 2, 2])
