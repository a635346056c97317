"""A lease of a GPU, on the CPU and at a tiny size."""

import csv

import pytest
from runs import ROOT

from zoo.bench import gpu
from zoo.bench.gpu import COLUMNS, LONGEST, Job, jobs, run
from zoo.papers import PAPERS

NARROW = (
    "model: {resolution: 32, n_classes: 0, architecture: resnet, width_g: 2, width_d: 2, latent_dim: 4, n_dis: 1, "
    "batch_size: 4, batch_size_g: 4, total_kimg: 1, decay_start_kimg: null}"
)


def test_lines_come_in_order_and_the_same_command_goes_on(tmp_path, capsys):
    (tmp_path / "sngan").mkdir()
    for name in ("paper", "tiny"):
        (tmp_path / "sngan" / f"{name}.yaml").write_text(NARROW)
    (tmp_path / "sngan" / "wide.yaml").write_text(NARROW.replace("resolution: 32", "resolution: 31"))
    wanted = [
        Job("runs", "sngan/tiny", "bf16-mixed, penalties too", batch_size=2),
        Job("time", "sngan/wide", "32-true"),
        Job("layout", "sngan/tiny", "32-true", "contiguous", "checkpointed"),
    ]
    assert run(tmp_path / "out", 1e-9, "cpu", tmp_path, wanted).startswith("3 of 3 measurements left")
    assert run(tmp_path / "out", 5, "cpu", tmp_path, wanted[:2]).startswith("all 2 measurements")
    first = list(csv.DictReader((tmp_path / "out" / "steps.csv").open()))
    assert list(first[0]) == list(COLUMNS)
    assert [line["recipe"] for line in first] == ["tiny", "wide"]
    assert float(first[0]["images_per_s"]) == pytest.approx(int(first[0]["images"]) / float(first[0]["seconds"]))
    assert "no network at 31 px" in first[1]["error"]  # one that fails is told, and the rest goes on
    run(tmp_path / "out", 5, "cpu", tmp_path, wanted)
    lines = list(csv.DictReader((tmp_path / "out" / "steps.csv").open()))
    assert lines[:2] == first
    assert lines[2]["layout"] == "contiguous"
    assert "sngan/tiny 32-true contiguous checkpointed" in capsys.readouterr().out
    with pytest.raises(FileNotFoundError, match="no recipe sngan/gone"):
        run(tmp_path / "out", 5, "cpu", tmp_path, [Job("runs", "sngan/gone", "32-true")])


def test_what_the_lease_cuts_off_is_measured_by_the_next_and_what_takes_too_long_is_not(tmp_path, monkeypatch):
    (tmp_path / "sngan").mkdir()
    for name in ("paper", "tiny"):
        (tmp_path / "sngan" / f"{name}.yaml").write_text(NARROW)
    asked = []

    def late(args, timeout):
        asked.append(timeout)
        return {"error": f"longer than {timeout:.0f} s", "late": True}

    monkeypatch.setattr(gpu, "answer", late)
    wanted = [Job("time", "sngan/tiny", precision) for precision in ("32-true", "bf16-mixed")]

    def lines() -> list[dict]:
        return list(csv.DictReader((tmp_path / "out" / "steps.csv").open()))

    assert run(tmp_path / "out", 0.5, "cpu", tmp_path, wanted).startswith("2 of 2 measurements left")
    assert not lines()
    assert 29 < asked[0] <= 30
    assert run(tmp_path / "out", 60, "cpu", tmp_path, wanted).startswith("all 2 measurements")
    assert [line["error"] for line in lines()] == ["longer than 180 s"] * 2
    assert asked[1:] == [LONGEST] * 2


def test_every_paper_is_compiled_in_both_types():
    tiny = {(job.recipe, job.precision) for job in jobs() if job.why == "compiled" and job.recipe.endswith("/tiny")}
    assert tiny == {(f"{paper}/tiny", precision) for paper in PAPERS for precision in ("32-true", "bf16-mixed")}


def test_every_job_has_its_recipe_and_none_comes_twice():
    wanted = list(jobs())
    assert all((ROOT / "reproductions" / f"{job.recipe}.yaml").is_file() for job in wanted)
    assert len({job.key("cuda") for job in wanted}) == len(wanted)
    assert [job.why for job in wanted] == sorted(
        (job.why for job in wanted), key=["runs", "time", "1024 px", "memory", "compiled", "graphs", "layout"].index
    )
