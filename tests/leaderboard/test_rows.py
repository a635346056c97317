import copy
import json
import threading

import pytest

from zoo.engine.devices import hardware
from zoo.evaluation.evaluate import evaluate
from zoo.leaderboard.rows import make_row, read_rows, validate, versions, write_row

OPTIONAL_CONDITIONS = ("batch_size", "kid_subsets", "kid_subset_size", "changed", "n_is", "n_prdc", "is_shuffle")


@pytest.fixture
def row(sampler, data):
    result = evaluate(sampler, data, "random", n_fake=20, kid_subsets=2)
    training = {"nimg": 5000, "seed": 0, "hours": 0.1, "hardware": hardware("cpu"), "world_size": 1}
    return make_row("sngan", "tiny", data, result, training, {"lr": 2e-4, "betas": (0.0, 0.9)})


def test_a_row_comes_back(row, tmp_path):
    path = write_row(row, tmp_path / "results", lambda picture: picture.write_bytes(b"png"))
    assert path.parent.name == "sngan"
    assert path.name.startswith("tiny-")
    ((found, back),) = read_rows(tmp_path / "results")
    assert found == path
    assert back.pop("samples") == f"sngan/{path.stem}.png"
    assert (tmp_path / "results" / "sngan" / f"{path.stem}.png").is_file()
    row.pop("samples")
    assert back == row
    assert back["training"]["kimg"] == 5
    assert back["data"]["n_images"] == 61
    assert back["config"] == {"lr": 2e-4, "betas": [0.0, 0.9]}


def test_pictures_of_an_older_row_are_those_that_another_tells(row, tmp_path):
    older = copy.deepcopy(row)
    row["data"] |= {"fingerprint": "with labels", "pictures": "without"}
    older["data"] |= {"fingerprint": "with labels"}
    del older["data"]["pictures"]
    other = copy.deepcopy(older)
    other["data"]["fingerprint"] = "of another set"
    for one in (older, other, row):
        write_row(one, tmp_path)
    found = {read["data"]["fingerprint"]: read["data"].get("pictures") for _, read in read_rows(tmp_path)}
    assert found == {"with labels": "without", "of another set": None}
    assert sum(read["data"].get("pictures") == "without" for _, read in read_rows(tmp_path)) == 2


def test_parallel_writers_lose_nothing(row, tmp_path):
    def write(k: int) -> None:
        for i in range(10):
            write_row(row | {"recipe": f"r {k}/{i}"}, tmp_path)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = read_rows(tmp_path)
    assert {row["recipe"] for _, row in rows} == {f"r {k}/{i}" for k in range(8) for i in range(10)}
    assert {path.suffix for path in (tmp_path / "sngan").iterdir()} == {".json"}


def test_same_recipe_at_the_same_second(row, tmp_path):
    assert len({write_row(row, tmp_path) for _ in range(20)}) == 20


def test_names_cannot_leave_the_folder(row, tmp_path):
    path = write_row(row | {"paper": "../../up", "recipe": "../a b"}, tmp_path)
    assert path.resolve().is_relative_to(tmp_path.resolve())
    assert path.parent.parent == tmp_path
    with pytest.raises(ValueError, match="no name for a paper or recipe"):
        write_row(row | {"paper": ".."}, tmp_path)


def test_what_is_not_a_row_is_not_written(row, tmp_path):
    with pytest.raises(ValueError, match="the metric fid is nan"):
        write_row(row | {"metrics": {"fid": float("nan")}}, tmp_path)
    bad = copy.deepcopy(row)
    bad["conditions"]["n_fake"] = "many"
    with pytest.raises(ValueError, match=r"conditions\.n_fake is 'many', not int"):
        write_row(bad, tmp_path)
    assert not list(tmp_path.rglob("*.json"))


def test_every_field_is_required(row):
    validate(row, "it")
    for section in ("data", "conditions", "training", "software"):
        for field in row[section]:
            bad = copy.deepcopy(row)
            del bad[section][field]
            if (field in OPTIONAL_CONDITIONS and section == "conditions") or field == "pictures":
                validate(bad, "it")
                continue
            with pytest.raises(ValueError, match=f"it lacks {section}.{field}"):
                validate(bad, "it")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"schema": 99})])
def test_a_broken_file_is_named(row, tmp_path, text):
    write_row(row, tmp_path)
    (tmp_path / "sngan" / "broken.json").write_text(text)
    with pytest.raises(ValueError, match=r"broken\.json"):
        read_rows(tmp_path)


def test_versions_outside_a_checkout(monkeypatch, tmp_path):
    assert set(versions()) >= {"zoo", "commit", "dirty", "python", "torch", "lightning"}
    monkeypatch.setattr("zoo.leaderboard.rows.__file__", str(tmp_path / "a" / "b" / "c.py"))
    assert versions()["commit"] == "unknown"
    assert versions()["dirty"] is None
    monkeypatch.setenv("PATH", "")
    assert versions()["commit"] == "unknown"


def test_rows_of_before_the_history_stay_valid(row):
    for field in ("notes", "run", "history"):
        row.pop(field, None)
    validate(row, "it")
    point = {"nimg": 5000, "kimg": 5, "hours": 0.1, "metrics": {"fd_random": 1.0}}
    validate(row | {"run": None, "history": [point]}, "it")
    with pytest.raises(ValueError, match=r"history\.1 is .* lacks"):
        validate(row | {"history": [point, {"nimg": 1}]}, "it")
    with pytest.raises(ValueError, match="it: run is 3, not str"):
        validate(row | {"run": 3}, "it")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("training.seed", -1, "training.seed is -1, not at least 0"),
        ("training.hours", 10**400, "training.hours is 10.*, not at most 1e"),
        ("metrics", {"fid": 10**400}, "metrics.fid is 10.*, not at most 1e"),
        ("classes", {"intra_fid": 1}, "classes.intra_fid is 1, not object"),
        ("data.same_images", None, "data.same_images is None, not array"),
    ],
)
def test_a_damaged_row_is_told_by_its_place(row, place, value, words):
    section, _, field = place.rpartition(".")
    (row[section] if section else row)[field] = value
    with pytest.raises(ValueError, match=f"it: {words}"):
        validate(row, "it")
