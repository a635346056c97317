"""The bench itself: its arithmetic, and small, that it measures what it says and prints it."""

import pytest

from zoo.bench import evaluation
from zoo.evaluation.extractors import build


def test_the_ratio_extends_the_forward_by_images_and_adds_the_metrics():
    # 64 + 64 images take 10 s, so 640 + 640 take 100 s; reading adds a tenth, the metrics 25 s
    assert evaluation.extended(10.0, 11.0, 25.0, 64, 640) == pytest.approx(1.1 + 0.25)
    assert evaluation.extended(10.0, 9.0, 0.0, 64, 640) == 1  # noise never makes it cheaper than the forward
    assert evaluation.extended(10.0, 10.0, 100.0, 64, 64) == pytest.approx(11)


def test_bench_tells_what_it_timed(monkeypatch):
    """The pieces of work take 1, 2, ... 6 seconds: forward, whole, three metrics, Frechet."""
    times = iter(range(1, 10))
    monkeypatch.setattr(evaluation, "inception", lambda: build("random"))
    monkeypatch.setattr(evaluation, "_timed", lambda work: float(next(times)))
    text = evaluation.run(n=20, full=40, batch_size=10, width=16)
    assert "bare forward of 20 + 20 images: 1.0 s (40.0 images/s)" in text
    assert "evaluate() of the same: 2.0 s, of which the Frechet distance 6.0 s" in text
    assert "KID, 100 subsets of 1,000, 40 + 40 features: 4.0 s" in text
    ratio = float(text.split("extended to 40 + 40 images: ")[1].split()[0])
    assert ratio == pytest.approx(1 + (3 + 4 + 5) / 2)


def test_bench_runs_for_real(monkeypatch):
    monkeypatch.setattr(evaluation, "inception", lambda: build("random"))
    text = evaluation.run(n=20, full=40, batch_size=10, width=16)
    assert float(text.split("40 images: ")[1].split()[0]) >= 1


def test_memory_of_kid_and_prdc():
    lines = evaluation.memory(n=60, width=8).splitlines()
    assert lines[0].startswith("KID of 60 + 60 features of 8")
    assert lines[1].startswith("PRDC of 60")
