"""README's table of all methods under one budget."""

import json

import torch
from board import add
from PIL import Image

from zoo.leaderboard import budget
from zoo.leaderboard.marked import begin, end
from zoo.leaderboard.render import check, render
from zoo.leaderboard.rows import read_rows, write_row
from zoo.pictures.grids import save_grid

README = f"# mine\n\nbefore\n\n{begin(budget.RECIPE)}old\n{end(budget.RECIPE)}\nafter\n"


def method(folder, paper, *values, **changes):
    for seed, value in enumerate(values):
        metrics = {"fd_efficientnet-lite0": value, "fd_random": 2 * value}
        training = {"training__seed": seed, "training__hours": 0.1, "training__kimg": 64}
        add(folder, budget.RECIPE, paper=paper, metrics=metrics, **{**training, **changes})


def lines(readme):
    cells = [line.strip("|").split(" | ") for line in readme.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line] for line in cells[2:]]


def test_methods_stand_in_the_order_of_their_means_with_what_two_seeds_tell(tmp_path):
    results, readme = tmp_path / "results", tmp_path / "README.md"
    readme.write_text(README)
    method(results, "dcgan", 100.0, 120.0)
    method(results, "wgan", 50.0, 52.0)
    method(results, "r1gan", 90.0, 106.0)
    method(results, "cgan", 300.0, training__kimg=64.128)
    add(results, "cifar10")  # another recipe is no part of it
    render(results)
    text = readme.read_text()
    assert text.startswith("# mine\n\nbefore\n\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "4 methods on CIFAR-10 at 32 px, 64 to 64.1 thousand images shown, 1 to 2 seeds each" in text
    names = [line[1].partition("]")[0].lstrip("[") for line in lines(readme)]
    assert names == ["wgan", "r1gan", "dcgan", "cgan"]
    assert [line[2] for line in lines(readme)] == ["51", "98", "110", "300"]
    assert [line[3] for line in lines(readme)] == ["2", "16", "20", "one seed"]
    assert [line[-1] for line in lines(readme)] == ["", "worse", "no difference", "unknown: one seed"]
    assert check(results)
    method(results, "fgan", 10.0, 11.0)
    assert not check(results)


def test_a_newer_row_of_a_seed_takes_the_place_of_the_older_one_and_floors_are_told(tmp_path):
    method(tmp_path, "dcgan", 100.0, 120.0)
    method(tmp_path, "dcgan", 80.0, date="2025-01-01T00:00:00+00:00")
    floor = {"paper": "real", "metrics": {"fd_efficientnet-lite0": 10.0}}
    add(tmp_path, f"{budget.RECIPE}-others", **floor)
    rows = [row for _, row in read_rows(tmp_path)]
    ((first, second),) = budget.ranked(rows)
    assert (first["metrics"]["fd_random"], second["metrics"]["fd_random"]) == (160, 240)
    for row in rows:
        row["conditions"]["extractors"] = {"efficientnet-lite0": {"id": "e", "resize": "r"}}
    assert "| 100 (10x) |" in budget.section(rows)


def test_rows_measured_otherwise_take_no_part(tmp_path):
    """Fewer samples, another distance alone, and hours that nobody noted."""
    results, readme = tmp_path / "results", tmp_path / "README.md"
    readme.write_text(README)
    method(results, "dcgan", 100.0, 120.0)
    method(results, "wgan", 50.0, 52.0, training__hours=None)
    add(results, budget.RECIPE, paper="dcgan", metrics={"fd_efficientnet-lite0": 999.0}, conditions__n_fake=77)
    add(results, budget.RECIPE, paper="wgan", metrics={"fd_random": 1.0})
    render(results)
    assert [line[2] for line in lines(readme)] == ["51", "110"]
    assert [line[-2] for line in lines(readme)] == ["unknown", "6.0"]


def test_a_readme_without_the_place_stays_as_it_is(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("# mine\n")
    method(tmp_path / "results", "dcgan", 100.0)
    assert budget.files(tmp_path / "results", []) == {}
    assert "No rows" in budget.section([])


def test_the_picture_has_a_line_of_samples_for_each_method(tmp_path):
    method(tmp_path, "dcgan", 100.0)
    ((path, row),) = read_rows(tmp_path)
    path.unlink()
    colours = torch.linspace(-1, 1, 100).reshape(100, 1, 1, 1).expand(100, 3, 32, 32)
    write_row(json.loads(json.dumps(row)), tmp_path, lambda file: save_grid(colours, file, 10))
    (file,) = budget.draw(tmp_path, n=12)
    picture = Image.open(file).convert("L")
    assert picture.size == (budget.NAME + 12 * 66, 66)
    seen = [picture.getpixel((budget.NAME + 66 * i + 10, 10)) for i in range(12)]
    diagonal = [11 * i for i in range(10)] + [10, 21]  # then one cell lower
    expected = [255 * k / 99 for k in diagonal]
    assert all(abs(a - b) <= 1 for a, b in zip(seen, expected, strict=True))
