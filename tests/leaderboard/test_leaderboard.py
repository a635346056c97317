import csv
import random
from pathlib import Path

import pytest
from board import COLUMNS, ROW, add

from zoo.leaderboard.published import read_published
from zoo.leaderboard.render import check, render


def tables(text: str) -> list[list[list[str]]]:
    """Cells of every table of a page but the summaries."""
    return [table for table in every_table(text) if table[0][2] != "published (protocol)"]


def summaries(text: str) -> list[dict[str, str]]:
    """Lines of the summaries."""
    found = [table for table in every_table(text) if table[0][2] == "published (protocol)"]
    return [dict(zip(table[0], line, strict=True)) for table in found for line in table[2:]]


def every_table(text: str) -> list[list[list[str]]]:
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def page(folder: Path) -> str:
    render(folder)
    return (folder / "README.md").read_text(encoding="utf-8")


def order(table: list[list[str]]) -> list[str]:
    column = table[0].index("recipe")
    return [line[column].partition("]")[0].lstrip("[") for line in table[2:]]


def test_best_first(tmp_path):
    for fid in (21.5, 19.0, 20.0):
        add(tmp_path, f"r{fid}", metrics=ROW["metrics"] | {"fid": fid, "fd_random": -fid})
    (table,) = tables(page(tmp_path))
    assert order(table) == ["r19.0", "r20.0", "r21.5"]
    assert [line[0] for line in table[2:]] == ["1", "2", "3"]
    best = dict(zip(table[0], table[2], strict=True))
    assert best["FID ↓"] == "19.00"
    assert best["IS ↑"] == "8.00 ± 0.10"
    assert best["real / fake, extractor"] == "50,000 / 50,000, inception"
    assert best["hardware, hours"] == "1x a GPU, 3.25"
    assert best["commit"] == "01234567+changes"
    assert best["kimg"] == "16000"


def test_without_fid_the_random_distance_ranks(tmp_path):
    for distance in (3.0, 1.0, 2.0):
        add(
            tmp_path,
            f"r{distance}",
            metrics={"fd_random": distance, "kid_random": 0.1},
            absent={"fid": "no Inception weights here"},
        )
    text = page(tmp_path)
    (table,) = tables(text)
    assert order(table) == ["r1.0", "r2.0", "r3.0"]
    assert "FID ↓" not in table[0]
    assert "Absent: fid: no Inception weights here" in text


@pytest.mark.parametrize(
    "change",
    [
        {"conditions__protocol": "sngan"},
        {"conditions__n_fake": 5000},
        {"conditions__n_real": 10000},
        {"conditions__rounding": "truncate"},
        {"conditions__truncation": 0.5},
        {"conditions__extractors": {"inception": {"id": "inception-other:1", "resize": "299x299"}}},
        {"data__fingerprint": "cd" * 32},
        {"data__name": "CIFAR-10 (JPEG copy)"},
        {"metrics": {"fid": 1.0}},
    ],
)
def test_what_was_measured_otherwise_is_not_ranked_together(tmp_path, change):
    add(tmp_path, "a")
    add(tmp_path, "b", **change)
    text = page(tmp_path)
    assert [order(table) for table in tables(text)] in ([["a"], ["b"]], [["b"], ["a"]])
    assert text.count("## CIFAR-10, 32 px\n") == 1


def test_seeds_are_ranked_together(tmp_path):
    add(tmp_path, "a")
    add(tmp_path, "b", conditions__seed=1, training__seed=1)
    (table,) = tables(page(tmp_path))
    assert sorted(order(table)) == ["a", "b"]


def test_published_numbers_have_their_own_table(tmp_path):
    add(tmp_path, "a", metrics=ROW["metrics"] | {"fid": 30.0})
    (tmp_path / "published.csv").write_text(
        COLUMNS
        + 'sngan,CIFAR-10,32,ResNet,fid,21.7,.21,"10,000 real, 5,000 generated",Table 2,,yes\n'
        + 'sngan,CIFAR-10,32,CNN,fid,29.3,,"10,000 real, 5,000 generated",Table 2,,no\n'
        + "sngan,STL-10,48,CNN,fid,53.1,,other,Table 2,,yes\n"
    )
    text = page(tmp_path)
    published, ours, stl = tables(text)
    assert order(ours) == ["a"]
    assert [line[1] for line in published[2:]] == ["ResNet", "CNN"]
    first = dict(zip(published[0], published[2], strict=True))
    assert first["published FID ↓"] == "21.7 ± .21"
    assert first["read at that source"] == "yes"
    assert "Protocol (1): 10,000 real, 5,000 generated" in text
    assert stl[2][1] == "CNN"
    assert "No rows yet" in text
    assert text.index("## CIFAR-10, 32 px") < text.index("## STL-10, 48 px")


def test_summary_sets_what_a_paper_measures_beside_its_own_number(tmp_path):
    """Not where the paper has no such number of the data; the error where rows tell what is right."""
    (tmp_path / "published.csv").write_text(
        COLUMNS
        + "cgan,CIFAR-10,32,CGAN,parzen_ll,132,1.8,Parzen window,Table 1,,no\n"
        + "ctgan_ssl,CIFAR-10,32,400 labels,test_error,9.98,.21,test error,,,no\n"
        + "bigan,CIFAR-10,32,conv1,accuracy,54.2,,a classifier on a frozen layer,Table 2,,yes\n"
    )
    metrics = ROW["metrics"]
    for seed, value in ((0, 100.0), (1, 110.0)):
        add(tmp_path, "digits", paper="cgan", training__seed=seed, metrics=metrics | {"parzen_ll": value})
    add(tmp_path, "labels", paper="ctgan_ssl", metrics=metrics | {"test_accuracy": 90.0})
    add(tmp_path, "without", paper="cgan")
    add(tmp_path, "other", paper="bigan", metrics=metrics | {"accuracy_1nn": 97.0})
    (summary,) = [t for t in every_table(page(tmp_path)) if "ours, the paper's protocol" in t[0]]
    found = {line[1].partition("]")[0].lstrip("["): line[3] for line in summary[2:]}
    assert found == {
        "digits": "Parzen log-likelihood in nats ↑ 105",
        "labels": "test error in % ↓ 10.00",
        "without": "none of its own",
        "other": "none of its own",
    }


def test_summary_sets_ours_beside_the_papers(tmp_path):
    (tmp_path / "published.csv").write_text(
        COLUMNS
        + 'sngan,CIFAR-10,32,real data,fid,7.8,,"10,000 real, 5,000 generated",Table 2,,yes\n'
        + 'sngan,CIFAR-10,32,recalled,fid,9.0,,"10,000 real, 5,000 generated",Table 2,,no\n'
        + 'sngan,CIFAR-10,32,ResNet,fid,21.7,.21,"10,000 real, 5,000 generated",Table 2,,yes\n'
    )
    for seed, fid in ((0, 20.0), (1, 22.0), (1, 21.0)):  # seed 1 was scored twice: the newer row counts
        date = f"2024-05-0{3 - int(fid == 22.0)}T12:00:00+00:00"
        add(tmp_path, "cifar10", training__seed=seed, metrics=ROW["metrics"] | {"fid": fid}, date=date)
    sizes = {"conditions__n_fake": 5000, "conditions__n_real": 10000}
    add(tmp_path, "cifar10", conditions__protocol="sngan-2018", metrics=ROW["metrics"] | {"fid": 24.0}, **sizes)
    cut = ROW["metrics"] | {"fid": 99.0}  # a newer row, but of truncated latents
    add(tmp_path, "cifar10", conditions__truncation=0.5, metrics=cut, date="2024-06-01T12:00:00+00:00")
    add(tmp_path, "tiny", paper="rothgan")
    sngan, roth = sorted(summaries(page(tmp_path)), key=lambda line: line["paper"], reverse=True)
    assert sngan["published (protocol)"] == "FID ↓ 21.7 ± .21: ResNet (10,000 real, 5,000 generated)"
    assert sngan["ours, the paper's protocol"].startswith("FID ↓ 24.00")
    assert sngan["ours, default protocol"] == "FID ↓ 20.50, FD random ↓ 1 (50,000 fakes)"
    assert sngan["seed spread"] == "FID ↓ 20.00 to 21.00, 2 seeds"
    assert sngan["hardware, hours"] == "1x a GPU, 3.25"
    assert roth["published (protocol)"] == "none"
    assert roth["ours, the paper's protocol"] == "none of its own"
    assert roth["seed spread"] == "one seed"


def test_what_was_recorded_later_does_not_part_rows(tmp_path):
    """Rows of before is_shuffle, n_is and the others were recorded are ranked with those measured so since."""
    new = ROW["conditions"] | {"is_shuffle": True, "n_is": 50000, "n_prdc": 10000, "changed": {}}
    add(tmp_path, "old")
    add(tmp_path, "new", conditions=new, metrics=ROW["metrics"] | {"precision": 0.7})
    add(tmp_path, "other", conditions=new | {"standing_statistics": "16 batches of 64"})
    assert sorted(len(order(table)) for table in tables(page(tmp_path))) == [1, 2]


def test_check_and_determinism(tmp_path):
    for k in range(5):
        add(tmp_path, f"r{k}", metrics=ROW["metrics"] | {"fid": random.Random(k).random()})
    assert not check(tmp_path)
    files = render(tmp_path)
    assert [path.name for path in files] == ["README.md", "leaderboard.csv", "index.html"]
    first = [path.read_bytes() for path in files]
    assert check(tmp_path)
    assert [path.read_bytes() for path in render(tmp_path)] == first
    assert b"Generated by `zoo leaderboard`; do not edit" in first[0]
    files[0].write_bytes(first[0] + b"edited")
    assert not check(tmp_path)
    render(tmp_path)
    add(tmp_path, "new")
    assert not check(tmp_path)


def test_csv_has_a_line_a_row_and_every_condition(tmp_path):
    add(tmp_path, "a, with a comma | and a bar")
    add(tmp_path, "b", metrics={"fd_random": 0.5})
    text = page(tmp_path)
    with (tmp_path / "leaderboard.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["recipe"] for line in lines] == ["a, with a comma | and a bar", "b"]
    assert lines[0]["metrics.fid"] == "20.0"
    assert lines[1]["metrics.fid"] == ""
    assert lines[0]["conditions.extractors.inception.id"] == "inception-2015-12-05:6726825d"
    assert r"a, with a comma \| and a bar" in text
    assert (tmp_path / lines[0]["file"]).is_file()


def test_a_broken_row_is_named(tmp_path):
    add(tmp_path, "a")
    (tmp_path / "sngan" / "torn.json").write_text("{")
    with pytest.raises(ValueError, match=r"torn\.json is not JSON"):
        render(tmp_path)
    with pytest.raises(FileNotFoundError, match="no results folder"):
        render(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("sngan,C,32,m,fid,many,,p,t,n,yes\n", r"published\.csv line 2: value, std and resolution"),
        ("sngan,C,32,m,fid,1\n", r"line 2 has not 11 columns"),
        ("sngan,C,32,m,fid,1,,p,t,n,perhaps\n", "verified is yes or no"),
        ("sngan,C,32,m,fid,1,,p,t,n,yes\n" * 2, "gives fid of m twice"),
    ],
)
def test_a_broken_published_number_is_named(tmp_path, line, sentence):
    (tmp_path / "published.csv").write_text(COLUMNS + line)
    with pytest.raises(ValueError, match=sentence):
        render(tmp_path)


def test_the_published_numbers_of_this_repository():
    numbers = read_published(Path(__file__).parents[2] / "results" / "published.csv")
    table = {(n["dataset"], n["model"], n["metric"]): n for n in numbers}
    best = table["CIFAR-10", "ResNet, SN-GAN, hinge", "fid"]
    assert (best["value"], best["std"], best["table"], best["verified"]) == ("21.7", "0.21", "Table 2", "yes")
    assert all(n["verified"] == "no" for n in numbers if "1802.05637" in n["source_note"])


@pytest.mark.parametrize("name", ["README.md", "index.html", "leaderboard.csv"])
def test_a_page_of_the_user_s_own_is_not_replaced(name, tmp_path):
    add(tmp_path, "a")
    (tmp_path / name).write_text("# my own project\n")
    with pytest.raises(ValueError, match=f"{name} was not written by `zoo leaderboard`"):
        render(tmp_path)
    assert (tmp_path / name).read_text() == "# my own project\n"
    assert len([path for path in tmp_path.iterdir() if path.is_file()]) == 1


def test_pages_go_into_folders_of_results_alone(tmp_path):
    assert len(render(tmp_path)) == 3  # a new one
    assert len(render(tmp_path)) == 3
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "0.png").touch()
    with pytest.raises(ValueError, match="photos holds other things and no row"):
        render(photos)
    assert [path.name for path in photos.iterdir()] == ["0.png"]
