"""The bench itself: small, to see that it measures what it says and prints it."""

from zoo.bench import evaluation


def test_bench_prints_the_ratio(monkeypatch):
    from zoo.evaluation.extractors import build

    monkeypatch.setattr(evaluation, "inception", lambda: build("random"))
    text = evaluation.run(n=20, full=40, batch_size=10, width=16)
    assert "bare forward of 20 + 20 images" in text
    assert "extended to 40 + 40 images" in text
    ratio = float(text.split("40 images: ")[1].split()[0])
    assert ratio >= 1


def test_memory_of_kid_and_prdc():
    lines = evaluation.memory(n=60, width=8).splitlines()
    assert lines[0].startswith("KID of 60 + 60 features of 8")
    assert lines[1].startswith("PRDC of 60")
