"""Claims: the rule on planted rows, the page, and that the project's own claims and page are whole."""

import json

import pytest
import yaml
from board import ROW
from runs import ROOT

from zoo.__main__ import main
from zoo.leaderboard import claims
from zoo.leaderboard.claims import CONTRADICTED, DIRECTION, HOLDS, NO_ROWS, NOT_SEEN, Claim, Seen, verdict
from zoo.leaderboard.trials import Trial, read_trials, write_trial

TOLD = {"item": "i", "claim": "c", "source": "s", "ran": "r", "command": "zoo", "metric": "m"}


def seen(kimg: float = 1.0, **runs: list[float]) -> claims.Evidence:
    return {name: [Seen(k, {"m": x}, kimg) for k, x in enumerate(values)] for name, values in runs.items()}


@pytest.mark.parametrize(
    ("a", "b", "more", "expected"),
    [
        ([1, 2], [3, 4], {}, HOLDS),
        ([1, 2], [3, 4], {"higher": True}, CONTRADICTED),
        ([1, 2], [3, 4], {"higher": True, "speaks_from": 2}, NOT_SEEN),
        ([1, 3], [2, 4], {}, NOT_SEEN),
        ([1, 1], [2, 2], {"published": {"a": 1, "b": 2}}, HOLDS),
        ([1, 1], [1.5, 1.5], {"published": {"a": 1, "b": 10}}, DIRECTION),  # a third less, for nine tenths
        ([1, 1], [1.9, 1.9], {"published": {"a": 1, "b": 10}}, HOLDS),
        ([1, 2], [], {}, NO_ROWS),
    ],
)
def test_two_runs(a, b, more, expected):
    assert verdict(Claim(**TOLD, orders=[["a", "b"]], **more), seen(a=a, b=b))[0] == expected


def test_chance_is_told():
    why = verdict(Claim(**TOLD, orders=[["a", "b"]]), seen(a=[1, 2], b=[3, 4]))[1]
    assert "1 in 6" in why


@pytest.mark.parametrize(
    ("c", "expected"), [([5, 6], HOLDS), ([3.5, 3.6], DIRECTION), ([0.5, 0.6], NOT_SEEN), ([1.5, 1.6], NOT_SEEN)]
)
def test_an_order_of_three_counts_its_pairs(c, expected):
    """a < b of three pairs is always right; c above, among and below them."""
    rows = seen(a=[1, 2], b=[3, 4], c=c)
    assert verdict(Claim(**TOLD, orders=[["a", "b", "c"]]), rows)[0] == expected
    assert verdict(Claim(**TOLD, orders=[["c", "b", "a"]]), seen(a=[1, 2], b=[3, 4], c=[5, 6]))[0] == CONTRADICTED


def test_values_and_bounds():
    near = {"run": "a", "value": 1.0, "within": 0.2, "start": 9.0}
    for value, expected in ((1.1, HOLDS), (4.0, DIRECTION), (8.0, CONTRADICTED)):
        assert verdict(Claim(**TOLD, near=near), seen(a=[value]))[0] == expected
    bound = Claim(**TOLD, bound={"run": "a", "least": 0})
    for values, expected in (([0, 1], HOLDS), ([-1, 1], DIRECTION), ([-1, -1], CONTRADICTED)):
        assert verdict(bound, seen(a=values))[0] == expected


def write_claims(folder, *entries) -> None:
    (folder / "claims").mkdir(parents=True, exist_ok=True)
    (folder / "claims" / "claims.yaml").write_text(yaml.safe_dump({"claims": list(entries)}))


def test_the_page_shows_rows_of_both_kinds_and_is_the_same_twice(tmp_path, capsys):
    row = json.loads(json.dumps(ROW)) | {"paper": "sngan", "recipe": "x"}
    row["metrics"]["m"] = 5.0
    (tmp_path / "claims" / "sngan").mkdir(parents=True)
    (tmp_path / "claims" / "sngan" / "x-1.json").write_text(json.dumps(row))
    for seed in (0, 1):
        write_trial(Trial("toy", "y", seed, {"m": 1.0 + seed}), tmp_path)
    write_claims(tmp_path, TOLD | {"orders": [["toy/y", "sngan/x"]], "published": {"sngan/x": 7}})
    main(["claims", "--results", str(tmp_path)])
    text = (tmp_path / "claims.md").read_text()
    assert "y 1.5 ± 0.71 (2); x 5 (1)" in text
    assert "**holds**" in text
    assert "| x 7 |" in text
    main(["claims", "--results", str(tmp_path), "--check", "true"])
    write_trial(Trial("toy", "y", 2, {"m": 9.0}), tmp_path)
    with pytest.raises(SystemExit):
        main(["claims", "--results", str(tmp_path), "--check", "true"])
    assert "run `zoo claims`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (TOLD, "exactly one of orders, near and bound"),
        (TOLD | {"orders": [["a", "b"]], "metrik": "x"}, "claim 1 has the unknown key metrik"),
        ({"claim": "c"}, "is not complete"),
    ],
)
def test_mistakes_are_one_sentence(entry, words, tmp_path):
    write_claims(tmp_path, entry)
    with pytest.raises(ValueError, match=words):
        claims.render(tmp_path)


def test_figures_are_drawn_from_the_rows_that_are_there(tmp_path):
    from PIL import Image

    from zoo.leaderboard.claim_figures import draw

    write_claims(tmp_path)
    assert draw(tmp_path) == []
    for variant, value in (("none-0", 1.0), ("blur-1", 2.0), ("blur-4", 4.0)):
        write_trial(Trial("disturbances", variant, 0, {"fd_random": value, "coverage_random": 1 / value}), tmp_path)
    row = json.loads(json.dumps(ROW)) | {"paper": "sngan", "recipe": "table2-sn"}
    row["metrics"] |= {"sv_rank": 0.5} | {
        f"sv_convs.{i}_{k / 10:.1f}": 1 / (k + 1) for i in (0, 1) for k in range(11)
    }
    (tmp_path / "claims" / "sngan").mkdir()
    (tmp_path / "claims" / "sngan" / "x.json").write_text(json.dumps(row))
    files = draw(tmp_path)
    assert [file.name for file in files] == ["spectra.png", "disturbances.png"]
    assert Image.open(files[0]).size[0] > 500
    assert "](claims/spectra.png)" in claims.render(tmp_path)


def test_damaged_rows_are_named(tmp_path):
    path = write_trial(Trial("toy", "y", 0, {"m": 1.0}), tmp_path)
    path.write_text('{"experiment": "toy"}')
    with pytest.raises(ValueError, match=r"y-0.json is no row of an experiment"):
        read_trials(tmp_path)
    with pytest.raises(ValueError, match="Out of range"):
        write_trial(Trial("toy", "y", 0, {"m": float("nan")}), tmp_path)


def test_the_project_s_claims_name_what_the_plan_and_the_experiments_make():
    from zoo.lab.trials import EXPERIMENTS, variants
    from zoo.training.suite import read_plan

    plan = {f"{one.paper}/{one.recipe}" for one in read_plan(ROOT / "reproductions" / "suites" / "claims.yaml")}
    made = plan | {f"{name}/{variant}" for name in EXPERIMENTS for variant in variants(name)}
    made |= {"ttur/cifar10-pair", "ttur/cifar10-pair-orig"}  # rows of the leaderboard
    entries = claims.read_claims(ROOT / "results" / "claims" / "claims.yaml")
    assert {run for claim in entries for run in claim.runs} <= made
    assert len({claim.item for claim in entries}) == 10


def test_the_committed_page_is_that_of_the_rows():
    assert (ROOT / "results" / "claims.md").read_text(encoding="utf-8") == claims.render(ROOT / "results")
