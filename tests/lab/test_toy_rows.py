"""What zoo/lab/README.md says of the 2-D track is what the rows in results/toy say."""

import statistics
from collections import defaultdict

import pytest
from runs import ROOT

from zoo.lab.track import table
from zoo.leaderboard.toys import Toy, markdown, read_toys

SETS = ("ring", "grid", "swissroll", "lines", "circle", "submanifold")


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str], list[Toy]]:
    """(data, paper) -> the runs of the page's length."""
    found = defaultdict(list)
    for toy in read_toys(ROOT / "results"):
        if toy.kimg == 128:
            found[toy.data, toy.paper].append(toy)
    return found


@pytest.fixture(scope="module")
def said() -> str:
    """Section 6 in one line."""
    return " ".join((ROOT / "zoo/lab/README.md").read_text(encoding="utf-8").split("## 6. ")[1].split())


def mean(runs: list[Toy], name: str) -> float:
    return statistics.mean(toy.metrics[name] for toy in runs)


def nearest(rows, data: str) -> list[str]:
    return sorted(
        (paper for where, paper in rows if where == data), key=lambda paper: mean(rows[data, paper], "w2")
    )


def test_five_seeds_of_all_methods_that_are_in(rows, said):
    papers = {paper for _, paper in rows}
    assert len(papers) == 20
    assert "five seeds of twenty methods" in said
    assert ("bigan_qp" in papers) != ("BiGAN-QP's rows are not in yet" in said)
    assert {key: len(runs) for key, runs in rows.items()} == {(data, p): 5 for data in SETS for p in papers}
    assert {toy.steps for runs in rows.values() for toy in runs} == {1000, 500}


def test_1_the_nearest(rows):
    first = {data: nearest(rows, data)[:2] for data in SETS}
    assert {data for data in SETS if first[data][0] == "pggan"} == {"ring", "swissroll", "lines"}
    assert {data for data in SETS if first[data][1] == "pggan"} == {"grid", "submanifold"}
    assert {data for data in SETS if first[data][0] == "r1gan"} == {"submanifold", "circle"}
    assert {data for data in SETS if first[data][1] == "r1gan"} == {"swissroll", "lines"}
    far = {
        (data, paper)
        for data in SETS
        for paper in set(first[data]) & {"pggan", "r1gan"}
        if mean(rows[data, paper], "w2") > 1.2 * mean(rows[data, paper], "w2_data")
    }
    assert far == {("grid", "pggan"), ("swissroll", "r1gan")}


def test_2_stretches_of_the_lines(rows, said):
    modes, kl = ({p: mean(rows["lines", p], k) for d, p in rows if d == "lines"} for k in ("modes", "reverse_kl"))
    free = ("dcgan", "nk17", "cgan", "ttur")
    dcgan, nk17, cgan, ttur = (f"{modes[p]:.1f}" for p in free)
    assert f"DCGAN has {dcgan}, NK17 {nk17}, CGAN {cgan} and TTUR's DCGAN {ttur} at a reverse KL of" in said
    assert f"of {min(kl[p] for p in free):.2f} to {max(kl[p] for p in free):.2f} nats" in said
    assert f"PGGAN has {modes['pggan']:g} and R1GAN {modes['r1gan']:g} at {kl['pggan']:.2f}" in said
    assert f"{kl['r1gan']:.2f}" == f"{kl['pggan']:.2f}"
    stylegan, gan_qp, wgan = (f"{modes[p]:.1f} at {kl[p]:.2f}" for p in ("stylegan", "gan_qp", "wgan"))
    assert f"StyleGAN with R1 has {stylegan}, GAN-QP {gan_qp} and clipping's WGAN {wgan}." in said


def test_3_good_samples_are_no_cover(rows, said):
    near = {p: mean(rows["lines", p], "near") for d, p in rows if d == "lines"}
    assert max(near, key=near.get) == "nk17"
    assert f"NK17 has {near['nk17']:.0%}".replace("%", " %") in said
    assert 0.4 < mean(rows["lines", "nk17"], "modes") / 20 < 0.5
    circle, ring = rows["circle", "stylegan"], rows["ring", "wgan"]
    assert mean(circle, "near") > 0.995
    assert mean(circle, "w2") / mean(circle, "w2_data") == pytest.approx(3, abs=0.2)
    assert f"WGAN has {mean(ring, 'near'):.0%}".replace("%", " %") in said
    assert f"{mean(ring, 'modes'):.0f} of 8 modes" in said


def test_4_seeds(rows, said):
    vgan = rows["submanifold", "vgan"]
    assert sorted(toy.metrics["modes"] for toy in vgan) == [0, 7, 7, 7, 7]
    w2 = [toy.metrics["w2"] for toy in vgan]
    assert f"W2 {statistics.mean(w2):.1f} ± {statistics.stdev(w2):.1f}" in said
    apart = {}
    for data in SETS:
        distances = [toy.metrics["w2"] for toy in rows[data, "bigan"]]
        apart[data] = statistics.stdev(distances) / statistics.mean(distances)
    assert sum(x >= 0.5 for x in apart.values()) == 2


def test_5_the_grid_and_roth_s_mixture(rows, said):
    assert f"SNGAN {mean(rows['grid', 'sngan'], 'modes'):.0f} of 25 modes" in said
    assert max(mean(rows["grid", p], "modes") for d, p in rows if d == "grid") < 8
    assert f"({mean(rows['submanifold', 'rothgan'], 'modes'):.1f} of 7)" in said


def test_the_command_s_deviation_is_the_leaderboard_s(rows):
    runs = rows["submanifold", "vgan"]
    spread = f"{mean(runs, 'w2'):.3f} ± {statistics.stdev(toy.metrics['w2'] for toy in runs):.3f}"
    assert spread in table(runs)
    assert spread in markdown(runs)
