"""Claims: the rule on planted rows, the page, and that the project's own claims and page are whole."""

import json

import pytest
import yaml
from board import ROW
from runs import ROOT

from zoo.__main__ import main
from zoo.leaderboard import claim_figures, claims, claims_page
from zoo.leaderboard.claim_entries import Claim, read_claims
from zoo.leaderboard.claims import CONTRADICTED, DIRECTION, HOLDS, LENGTHS, NO_ROWS, NOT_SEEN, SCORES, Seen, verdict
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
        ([1, 2], [3], {}, NO_ROWS),
    ],
)
def test_two_runs(a, b, more, expected):
    assert verdict(Claim(**TOLD, orders=[["a", "b"]], **more), seen(a=a, b=b))[0] == expected


def test_runs_of_unlike_length_or_scoring_have_no_verdict_unless_the_claim_says_why():
    def rows(kimg: float = 6.0, **changed: object) -> claims.Evidence:
        scored = {"n_fake": 1000, "n_real": 1000, "truncation": None, "chosen": None, "data": ["x", "ab"]}
        a = [Seen(k, {"m": 1.0}, 6.1, scored=scored) for k in (0, 1)]
        return {"a": a, "b": [Seen(k, {"m": 2.0}, kimg, scored=scored | changed) for k in (0, 1)]}

    claim = Claim(**TOLD, orders=[["a", "b"]])
    assert verdict(claim, rows())[0] == HOLDS
    assert verdict(claim, rows(3.0)) == (LENGTHS, "the runs were shown 3 to 6.1 kimg")
    found, why = verdict(Claim(**TOLD, orders=[["a", "b"]], lengths="by time"), rows(3.0))
    assert found == HOLDS
    assert why.endswith("; runs of 3 to 6.1 kimg: by time")
    for key, value in (("n_fake", 200), ("truncation", 0.5), ("chosen", "best of 9"), ("data", ["x", "cd"])):
        found, why = verdict(claim, rows(**{key: value}))
        assert found == SCORES
        assert why.startswith(f"a and b differ in {key}")


def test_claims_that_are_ours_are_counted_by_themselves(tmp_path):
    write_claims(tmp_path, *(TOLD | {"source": source, "orders": [["a", "b"]]} for source in ("s", "s", "ours, x")))
    assert "| too few rows yet | 2 | 1 |" in claims_page.render(tmp_path)


def test_chance_is_told():
    why = verdict(Claim(**TOLD, orders=[["a", "b"]]), seen(a=[1, 2], b=[3, 4]))[1]
    assert "1 in 6" in why


@pytest.mark.parametrize(
    ("c", "expected"),
    [([5, 6], HOLDS), ([3.5, 3.6], DIRECTION), ([0.5, 0.6], CONTRADICTED), ([1.5, 1.6], NOT_SEEN)],
)
def test_an_order_of_three_counts_its_pairs(c, expected):
    """a < b of three pairs is always right; c above, among and below them."""
    rows = seen(a=[1, 2], b=[3, 4], c=c)
    assert verdict(Claim(**TOLD, orders=[["a", "b", "c"]]), rows)[0] == expected
    assert verdict(Claim(**TOLD, orders=[["c", "b", "a"]]), seen(a=[1, 2], b=[3, 4], c=[5, 6]))[0] == CONTRADICTED


def test_an_order_that_every_seed_shows_is_told_where_seeds_overlap():
    """Four seeds that differ more than the runs do: the verdict stays, the sentence tells what each says."""
    claim, rows = Claim(**TOLD, orders=[["a", "b"]]), seen(a=[2, 6, 10], b=[1, 5, 10])
    found, why = verdict(claim, rows)
    assert found == NOT_SEEN
    assert "seeds overlap, seed by seed reversed" in why
    assert "seed by seed as claimed" in verdict(Claim(**TOLD, orders=[["b", "a"]]), rows)[1]
    assert "seed by seed reversed" in verdict(Claim(**TOLD, orders=[["b", "a"]], higher=True), rows)[1]
    assert "seed by seed" not in verdict(claim, seen(a=[2, 5], b=[1, 6]))[1]
    assert "seed by seed" not in verdict(claim, seen(a=[1, 2], b=[1, 2]))[1]
    why = verdict(Claim(**TOLD, orders=[["a", "b", "c"]]), seen(a=[3, 7], b=[2, 6], c=[1, 8]))[1]
    assert "0 of 3 pairs apart as claimed, 0 apart the other way round; of the 3 whose seeds overlap, 0" in why
    assert why.endswith("0 as claimed seed by seed, 1 reversed")


def test_values_and_bounds():
    near = {"run": "a", "value": 1.0, "within": 0.2, "start": 9.0}
    for value, expected in ((1.1, HOLDS), (4.0, DIRECTION), (8.0, CONTRADICTED)):
        assert verdict(Claim(**TOLD, near=near), seen(a=[value, value]))[0] == expected
    assert verdict(Claim(**TOLD, near=near), seen(a=[1.1, 1.1]))[1] == "+0.1 from the value, tolerance 0.2"
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
    assert "sngan/x has 1 of the 2 seeds" in claims_page.render(tmp_path)
    row["training"]["seed"] = 1
    (tmp_path / "claims" / "sngan" / "x-2.json").write_text(json.dumps(row))
    main(["claims", "--results", str(tmp_path)])
    text = (tmp_path / "claims.md").read_text()
    assert "y 1.5 ± 0.71 (2); x 5 ± 0 (2; 16000 kimg)" in text
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
        ({"claim": "c"}, "claim 1 lacks 'item'"),
        (TOLD | {"orders": ["a", "b"]}, "claim 1: orders.* not array"),
        (TOLD | {"orders": [["a"]]}, "orders.0 is .*, not at least 2 of them"),
        (TOLD | {"near": {"run": "a", "value": 1}}, "near is .*, which lacks 'within'"),
        (TOLD | {"bound": {"run": "a", "most": "x"}}, "bound.most is 'x', not number"),
        (TOLD | {"bound": {"run": "a"}}, "bound is .*, not 2 of run, least, most"),
        (TOLD | {"orders": [["a", "b"]], "published": [1]}, "published is .*, not object"),
    ],
)
def test_mistakes_are_one_sentence(entry, words, tmp_path):
    write_claims(tmp_path, entry)
    with pytest.raises(ValueError, match=words):
        claims_page.render(tmp_path)


def plant(folder, name: str, metrics: dict, seed: int = 0, history=(), **model) -> None:
    """A row of a training; `history` holds (kimg, metrics) of its evaluations, 16 images a step."""
    row = json.loads(json.dumps(ROW)) | dict(zip(("paper", "recipe"), name.split("/"), strict=True))
    row["metrics"] |= metrics
    row["training"] |= {"seed": seed, "kimg": 8.0, "batch_size": 16}
    row["history"] = [{"nimg": int(1000 * k), "kimg": k, "hours": k / 100, "metrics": m} for k, m in history]
    row["config"] = {"model": model}
    path = folder / "claims" / row["paper"] / f"{row['recipe']}-{seed}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(row))


def test_figures_are_drawn_from_the_rows_that_are_there_and_shown_under_their_item(tmp_path):
    from PIL import Image

    write_claims(tmp_path, *(TOLD | {"item": item, "orders": [["a", "b"]]} for item in ("4. x", "6. y", "8. z")))
    assert claim_figures.draw(tmp_path) == []
    for variant, value in (("none-0", 1.0), ("blur-1", 2.0), ("blur-4", 4.0)):
        write_trial(Trial("disturbances", variant, 0, {"fd_random": value, "coverage_random": 1 / value}), tmp_path)
    spectrum = {f"sv_convs.{i}_{k / 10:.1f}": 1 / (k + 1) for i in (0, 1) for k in range(11)}
    plant(tmp_path, "sngan/table2-sn", {"sv_rank": 0.5} | spectrum)
    files = claim_figures.draw(tmp_path)
    assert [file.name for file in files] == ["disturbances.png", "spectra.png"]
    assert Image.open(files[1]).size[0] > 500
    text = claims_page.render(tmp_path)
    places = [
        text.index(part)
        for part in ("## 4.", "](claims/disturbances.png)", "## 6.", "](claims/spectra.png)", "## 8.")
    ]
    assert places == sorted(places)
    (tmp_path / "claims" / "sngan" / "table2-sn-0.json").unlink()
    claim_figures.draw(tmp_path)
    assert "spectra.png" not in claims_page.render(tmp_path)  # what has no rows any more goes
    assert claim_figures.DRAWN.keys() == claims_page.FIGURES.keys()


def lines(figure, axis: int) -> list[list[tuple[float, float]]]:
    return [[(float(x), float(y)) for x, y in line.get_xydata()] for line in figure.axes[axis].lines]


def test_curves_are_those_of_the_rows(tmp_path):
    for seed in (0, 1):
        at = [(k, {"modes": 10.0 * k + seed, "modes_kl": 7.0 - k, "fd_random": 9.0 / k}) for k in (1.0, 2.0)]
        plant(tmp_path, "pggan/modes-k4-cpu", {}, seed, at)
        plant(tmp_path, "ttur/cifar10-pair", {}, seed, at)
        plant(tmp_path, "ctgan/gap-ct", {}, seed, [(k, {"d_margin": 5.0 * k, "d_gap": k}) for k in (2.0, 4.0)])
        plant(tmp_path, "ctgan_ssl/mnist-cpu", {}, seed, [(k, {"test_accuracy_last": 90 + k}) for k in (6.0, 8.0)])
        bounds = {f"fd_random_at_{t}": 10 * float(t) + seed for t in ("0.5", "1", "2")}
        plant(tmp_path, "biggan/table1-full", bounds | {"precision_random_at_1": 0.5}, seed)
    plant(tmp_path, "pggan/modes-k2-cpu", {}, 0, [(3.0, {"modes": 1.0})])  # one point is no curve
    plant(
        tmp_path,
        "biggan/collapse-cpu",
        {},
        0,
        [(k, {"sigma_g_a": k, "sigma_g_b": 2 * k, "sigma_d_a": 3 * k}) for k in (1.6, 3.2)],
    )
    for margin, kimg_error in ((10, 0.4), (40, 0.2)):
        played = {"weight_rec": 1.0, "vae_kimg": 4.0, "margin": margin}
        plant(tmp_path, f"introvae/faces-m{margin}", {"reconstruction_mse_heldout": kimg_error}, 0, **played)
    plant(
        tmp_path,
        "introvae/faces-vae",
        {"reconstruction_mse_heldout": 0.1},
        0,
        weight_rec=1.0,
        vae_kimg=8,
        margin=40,
    )

    rows = claims.evidence(tmp_path)
    drawn = {name: draw(rows) for name, draw in claim_figures.DRAWN.items()}
    assert {name for name, figure in drawn.items() if figure is None} == {"disturbances", "spectra", "three"}
    assert lines(drawn["modes"], 0) == [[(1, 10), (2, 20)], [(1, 11), (2, 21)]]
    assert lines(drawn["modes"], 1)[0] == [(1, 6), (2, 5)]
    assert lines(drawn["rates"], 0)[0] == [(62.5, 9), (125, 4.5)]
    assert lines(drawn["rates"], 1)[0] == [(0.01, 9), (0.02, 4.5)]
    assert lines(drawn["gap"], 0)[0] == [(2, 10), (4, 20)]
    assert lines(drawn["gap"], 0)[2] == [(2, 8), (4, 16)]
    n = ROW["data"]["n_images"]
    assert lines(drawn["few-labels"], 0)[0] == [(6000 / n, 4), (8000 / n, 2)]
    assert lines(drawn["truncation"], 0)[1] == [(0.5, 6), (1, 11), (2, 21)]
    assert lines(drawn["truncation"], 1)[0] == [(1, 0.5)]
    assert lines(drawn["sigmas"], 0) == [[(100, 1.6), (200, 3.2)], [(100, 3.2), (200, 6.4)]]
    assert lines(drawn["margin"], 0) == [[(10, 0.4), (40, 0.2)]] * 2  # dots, and their means; no VAE


def test_figures_stay_where_there_are_no_claims(tmp_path):
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "modes.png").write_bytes(b"a picture")
    with pytest.raises((ValueError, OSError), match=r"claims\.yaml"):
        claim_figures.draw(tmp_path)
    assert (tmp_path / "claims" / "modes.png").is_file()


def test_curves_leave_out_evaluations_that_lack_a_metric():
    history = [{"kimg": k, "hours": None if k == 3 else k, "metrics": {"a": k, "b": -k}} for k in (1, 2, 3)]
    del history[1]["metrics"]["b"]
    one = Seen(0, {}, 3, history)
    assert claim_figures.curve(one, "a", "b") == ([1, 3], [1, 3], [-1, -3])
    assert claim_figures.curve(one, "a", x="hours") == ([1, 2], [1, 2])


def test_the_sheet_of_three_is_made_of_their_grids(tmp_path):
    from PIL import Image

    for k, name in enumerate(claim_figures.THREE.values()):
        plant(tmp_path, name, {})
        path = tmp_path / "claims" / f"{name}-0.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"samples": f"introvae/{k}.png"}))
        assert claim_figures.three(claims.evidence(tmp_path)) is None  # one is not there yet
        Image.new("RGB", (12, 12), (100 * k, 0, 0)).save(path.with_name(f"{k}.png"))
    figure = claim_figures.three(claims.evidence(tmp_path))
    assert [axis.get_title() for axis in figure.axes] == list(claim_figures.THREE)
    shown = [axis.images[0].get_array() for axis in figure.axes]
    assert [(image.shape, int(image[0, 0, 0])) for image in shown] == [((6, 12, 3), 100 * k) for k in range(3)]


def test_cross_testing_is_a_table_of_all_pairs(tmp_path):
    write_claims(tmp_path, *(TOLD | {"item": item, "orders": [["a", "b"]]} for item in ("4. x", "5. y")))
    assert claims_page.CROSS_HEAD not in claims_page.render(tmp_path)
    for seed in (0, 1):
        for k, pair in enumerate(("D-js-G-js", "D-js-G-none", "D-none-G-js", "D-none-G-none")):
            write_trial(Trial("noise-2d", pair, seed, {"accuracy": k + seed / 2}), tmp_path)
    text = claims_page.render(tmp_path)
    assert "| D | G js | G none |" in text
    assert "| js | 0.25 ± 0.35 | 1.25 ± 0.35 |\n| none | 2.25 ± 0.35 | 3.25 ± 0.35 |" in text
    assert text.index("## 5. y") < text.index(claims_page.CROSS_HEAD)


def test_what_was_looked_into_stands_behind_the_verdict(tmp_path):
    write_claims(tmp_path, TOLD | {"orders": [["a", "b"]], "looked": "the order of steps; no fault"})
    assert "needs. Looked into: the order of steps; no fault |" in claims_page.render(tmp_path)


def test_damaged_rows_are_named(tmp_path):
    path = write_trial(Trial("toy", "y", 0, {"m": 1.0}), tmp_path)
    path.write_text('{"experiment": "toy"}')
    with pytest.raises(ValueError, match=r"y-0.json is no row of an experiment"):
        read_trials(tmp_path)
    write_trial(Trial("toy", "y", "first", {"m": 1.0}), tmp_path)
    with pytest.raises(ValueError, match=r"y-first.json is no row of an experiment \(it: seed is 'first'"):
        Trial.read(tmp_path / "claims" / "lab" / "toy" / "y-first.json")
    with pytest.raises(ValueError, match="Out of range"):
        write_trial(Trial("toy", "y", 0, {"m": float("nan")}), tmp_path)


def test_the_project_s_claims_name_what_the_plan_and_the_experiments_make():
    from zoo.lab.trials import EXPERIMENTS, variants
    from zoo.training.suite import read_plan

    plan = {f"{one.paper}/{one.recipe}" for one in read_plan(ROOT / "reproductions" / "suites" / "claims.yaml")}
    made = plan | {f"{name}/{variant}" for name in EXPERIMENTS for variant in variants(name)}
    entries = read_claims(ROOT / "results" / "claims" / "claims.yaml")
    assert {run for claim in entries for run in claim.runs} <= made
    assert len({claim.item for claim in entries}) == 10


def test_the_committed_page_is_that_of_the_rows():
    assert (ROOT / "results" / "claims.md").read_text(encoding="utf-8") == claims_page.render(ROOT / "results")
