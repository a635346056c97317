"""Rows of imitation learning: their schema, their table, and that the rows of images do not see them."""

import json

import pytest
from board import imitation_row as row

from zoo.leaderboard import imitation
from zoo.leaderboard.render import check, render
from zoo.leaderboard.rows import read_rows


def test_seeds_are_one_line_with_their_spread(tmp_path):
    for seed, value in ((0, -100.0), (1, -200.0), (2, -300.0)):
        imitation.write_row(row(seed, value=value), tmp_path)
    imitation.write_row(row(0, "GAIL", -50.0), tmp_path)
    ((heading, head, lines),) = imitation.tables(tmp_path)
    assert heading == "Pendulum-v1"
    found = {line[0]: dict(zip(head, line, strict=True)) for line in lines}
    assert found["VAIL"]["last iteration"] == "-200.0 ± 81.6"
    assert found["VAIL"]["seeds"] == "0, 1, 2"
    assert found["GAIL"]["last iteration"] == "-50.0"


def test_a_seed_that_was_run_again_counts_once():
    rows = [row(0, value=-200.0, date="2025-01-02"), row(0, value=-900.0, date="2025-01-01"), row(1)]
    (runs,) = imitation.groups(rows).values()
    assert [(one["training"]["seed"], one["metrics"]["imitation"]) for one in runs] == [(0, -200.0), (1, -200.0)]


def test_published_numbers_stand_beside_the_same_task_alone(tmp_path):
    imitation.write_row(row(transfer="Pendulum-v2"), tmp_path)
    published = ",".join(imitation._PUBLISHED)
    line = "VAIL,Pendulum-v1,Pendulum-v2,transfer,-9.5,1.5,5,Somebody 2019,,yes"
    (tmp_path / "imitation" / "published.csv").write_text(f"{published}\n{line}\n")
    ((heading, head, lines),) = imitation.tables(tmp_path)
    assert "carried over to Pendulum-v2" in heading
    ours, theirs = (dict(zip(head, line, strict=True)) for line in lines)
    assert ours["transfer: last iteration"] == "-201.0"
    assert theirs["transfer: last iteration"] == "-9.5 ± 1.5"
    assert theirs["recipe"].startswith("published: Somebody 2019")
    (tmp_path / "imitation" / "published.csv").write_text("method,value\n")
    with pytest.raises(ValueError, match="the columns of"):
        imitation.tables(tmp_path)


def test_the_page_has_a_section_and_rows_of_images_are_left_alone(tmp_path):
    imitation.write_row(row(), tmp_path)
    assert read_rows(tmp_path) == []
    render(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "## Imitation learning" in text
    assert "| VAIL | pendulum | 0 | 384 | -200.0 |" in text
    assert check(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "image"}, "not an imitation row"),
        ({"metrics": {"imitation": float("inf")}}, "not a finite number"),
        ({"conditions": {}}, "lacks conditions.env"),
        ({"algorithm": 3}, "algorithm is 3"),
        ({"history": {"ksteps": ["x"]}}, "history.ksteps.0 is 'x', not number or null"),
    ],
)
def test_a_broken_row_is_named(tmp_path, change, words):
    with pytest.raises(ValueError, match=words):
        imitation.write_row(row(**change), tmp_path)
    path = imitation.write_row(row(), tmp_path)
    path.write_text(json.dumps(row(**change)).replace("Infinity", "1e999"))
    with pytest.raises(ValueError, match=path.name):
        imitation.read_rows(tmp_path)
