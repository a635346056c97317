"""The laboratory's commands: what they tell and draw, and their mistakes."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.__main__ import main
from zoo.baselines import BASELINES
from zoo.data.plane import TARGETS
from zoo.engine.failures import NotFinite
from zoo.lab.paper import FIGURES, in_words, numbers_in
from zoo.lab.plane import train
from zoo.lab.settings import PUBLISHED, SETTINGS
from zoo.lab.spectrum import JUDGED
from zoo.lab.track import reverse_kl, wasserstein2
from zoo.leaderboard.toys import Toy, markdown, read_toys

TEN = {"biggan", "ctgan", "introvae", "pggan", "r1gan", "rothgan", "sngan", "stylegan", "ttur", "vgan"}


def test_dirac_tells_eigenvalues_and_draws(tmp_path, capsys):
    out, gif = tmp_path / "new" / "dirac.png", tmp_path / "dirac.gif"
    numbers = ["--method", "r1", "--gamma", "0.3", "--steps", "20"]
    main(["lab", "dirac", *numbers, "--out", str(out), "--animate", str(gif)])
    told = capsys.readouterr().out
    assert "| eigenvalues of the Jacobian | -0.15-0.477i, -0.15+0.477i |" in told
    assert "| spectral radius, alt_gd, n_d 1 | 0.969536 |" in told
    assert "| simultaneous steps converge for h below | 1.2 |" in told
    assert Image.open(out).size[0] > 1000
    assert Image.open(gif).n_frames == 20


def test_dirac_without_a_jacobian(tmp_path, capsys):
    main(["lab", "dirac", "--method", "wgan_gp", "--out", str(tmp_path / "a.png"), "--h_d", "0.1", "--n_d", "2"])
    assert "eigenvalues" not in capsys.readouterr().out


def test_verdicts_are_a_table(capsys):
    main(["lab", "verdicts"])
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines()]
    told = {line[0].strip("| "): line[8] for line in lines[2:]}
    assert told["R1 0.3"] == told["consensus 1"] == "yes"
    assert told["minimax GAN"] == told["WGAN-GP"] == told["TTUR 0.05, 0.4"] == "no"


def test_two_time_scales_keep_theirs(monkeypatch, capsys):
    few = {title: of for title, of in JUDGED.items() if title.startswith(("TTUR", "R1", "WGAN-GP"))}
    monkeypatch.setattr("zoo.lab.tables.JUDGED", few)
    told = []
    for args in ([], ["--h", "0.5"]):
        main(["lab", "verdicts", *args])
        told.append(capsys.readouterr().out.splitlines()[2:])
    same = [a.split(" | ")[0] for a, b in zip(*told, strict=True) if a == b]
    assert same == ["| TTUR 0.05, 0.4", "| TTUR 0.05, 0.4 with R1 0.3"]


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("dirac", "--method", "r7"), "no method 'r7' of the Dirac-GAN"),
        (("dirac", "--method", "r1", "--sigma", "1"), "r1 has no such number: sigma"),
        (("dirac", "--method", "r1", "--clip", "0.1"), "--clip does nothing with --method r1"),
        (("dirac", "--scheme", "sim", "--n_d", "5"), "--n_d does nothing with --scheme sim"),
        (("verdicts", "--h", "1e6"), "steps of 1000000.0 lead nsgan out of all bounds: give a smaller --h"),
        (("dirac", "--steps", "0"), "steps takes a whole number from 1 to 1,000,000, not 0"),
        (("ring", "--papers", "foo"), "no paper 'foo' on points"),
        (("ring", "--data", "cube"), "no data set 'cube' on points"),
        (("ring", "--seeds", "0"), "seeds takes a whole number of at least 1, not 0"),
        (("paper", "--only", "m19"), "no figure 'm19'; there are m18"),
    ],
)
def test_mistakes_are_told_in_one_sentence(args, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["lab", *args])
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_figures_that_need_no_training(tmp_path, capsys):
    names = [name for name in FIGURES if name not in ("m17-ring", "m17-ring-eigenvalues", "rates")]
    main(["lab", "paper", "--out", str(tmp_path), "--only", ",".join(names)])
    assert {path.stem for path in tmp_path.glob("*.png")} == set(names)
    told = capsys.readouterr().out
    assert "end of gan_conopt" in told
    page, drawn = (tmp_path / "README.md").read_text(encoding="utf-8"), numbers_in(tmp_path)
    assert drawn["m18-counterexample"]["radius at the start"] == pytest.approx(2**0.5)
    assert all(f"Numbers: {in_words(numbers)}." in page for numbers in drawn.values())
    main(["lab", "paper", "--out", str(tmp_path), "--only", "m17-unit-ball"])
    assert numbers_in(tmp_path) == drawn  # those of figures that stay are kept
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == page


# ---- the 2-D track


def test_all_ten_papers_and_every_baseline_are_on_the_track():
    assert set(SETTINGS) == TEN | set(BASELINES)
    assert set(PUBLISHED) == {("rothgan", "submanifold"), ("conopt", "ring-m17"), ("nk17", "ring-nk17")}


def test_reverse_kl_of_known_shares():
    target = TARGETS["ring"]()
    one, half = target.targets[:1].expand(80, -1), target.targets[:4].repeat(20, 1)
    assert reverse_kl(target.targets.repeat(10, 1), target) == pytest.approx(0, abs=1e-12)
    assert reverse_kl(one, target) == pytest.approx(np.log(8))
    assert reverse_kl(half, target) == pytest.approx(np.log(2))


def test_wasserstein_of_a_shift_is_its_length():
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    assert wasserstein2(x, x[torch.randperm(200)]) == pytest.approx(0, abs=1e-6)
    assert wasserstein2(x, x + torch.tensor([3.0, 4.0])) == pytest.approx(5, rel=1e-6)


@pytest.mark.parametrize("name", ["ring-m17", "lines", "circle"])
def test_data_lie_where_they_should(name):
    target = TARGETS[name]()
    x = target.draw(4000, torch.Generator().manual_seed(0))
    assert torch.cdist(x, target.targets).min(1).values.max() < 0.06
    assert reverse_kl(x, target) < 0.01
    assert wasserstein2(x[:500], x[500:1000]) < 0.4


def test_rows_are_kept_and_shown(tmp_path, capsys):
    args = ["lab", "ring", "--papers", "r1gan,conopt", "--seeds", "2", "--kimg", "0.3", "--results", str(tmp_path)]
    main([*args, "--out", str(tmp_path / "ring.png")])
    first = capsys.readouterr().out
    assert "| r1gan | ring | 2 | " in first
    files = sorted(path.name for path in (tmp_path / "toy" / "ring").iterdir())
    assert files == ["conopt-0.json", "conopt-1.json", "r1gan-0.json", "r1gan-1.json"]
    main(args)  # nothing is computed again
    again, first = ([x for x in out.splitlines() if x[:1] == "|"] for out in (capsys.readouterr().out, first))
    assert again == first
    with pytest.raises(SystemExit):
        main([*args[:-4], "--kimg", "0.5", *args[-2:]])
    told = "r1gan-0.json holds a run of 0.384 kimg, not of 0.5: give --kimg 0.384 or another"
    assert told in capsys.readouterr().err
    toys = read_toys(tmp_path)
    assert {toy.seed for toy in toys} == {0, 1}
    shown = markdown(toys)
    assert "### ring, 8 modes" in shown
    assert shown.count("| conopt | 2 | ") == 1
    (tmp_path / "toy" / "ring" / "r1gan-0.json").write_text("{}")
    with pytest.raises(ValueError, match=r"r1gan-0.json is no row of the 2-D track"):
        read_toys(tmp_path)


def test_a_run_that_diverges_ends_no_track(tmp_path, monkeypatch, capsys):
    def trained(paper, *args):
        if paper == "nk17":
            raise NotFinite("a weight is not finite any more")
        return train(paper, *args)

    monkeypatch.setattr("zoo.lab.track.train", trained)
    args = ["lab", "ring", "--papers", "nk17,conopt", "--kimg", "0.3", "--results", str(tmp_path)]
    for _ in range(2):  # and none of a later call
        with pytest.raises(SystemExit) as end:
            main(args)
        assert end.value.code == 1
        said = capsys.readouterr()
        assert "nk17-0 on ring diverged: a weight is not finite any more" in said.out
        assert "| conopt | ring | 1 | " in said.out
        assert "1 runs diverged and are not in the table: nk17-0 on ring" in said.err
    assert [toy.paper for toy in read_toys(tmp_path)] == ["conopt"]


def test_a_page_without_toys_says_nothing_of_them():
    assert markdown([]) == ""
    assert Toy.__dataclass_fields__["metrics"]
