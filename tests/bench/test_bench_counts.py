"""What is counted of a training step: exact numbers, against the least that the algorithm needs."""

import csv

import pytest
import torch
from runs import ROOT
from torch import nn

from zoo.baselines import BASELINES
from zoo.bench.counts import Counted, of_step
from zoo.bench.gpu import COLUMNS as GPU_LINE
from zoo.bench.least import PASSES
from zoo.bench.step import counted
from zoo.bench.table import COLUMNS, every, page, table
from zoo.papers import PAPERS
from zoo.training.loading import model_class

#: paper -> a small model of it, whose batch does not hide what a step costs once
SMALL = {
    "pggan": {
        "resolution": 8,
        "start_resolution": 8,
        "fmap_base": 64,
        "fmap_max": 8,
        "latent_dim": 8,
        "total_kimg": 1,
        "batch_size_at": {},
    },
    "stylegan": {
        "resolution": 8,
        "start_resolution": 8,
        "fmap_base": 64,
        "fmap_max": 8,
        "latent_dim": 8,
        "batch_size_at": {},
    }
    | {"w_dim": 8, "mapping_width": 8, "total_kimg": 1, "batch_size": 8},
    "biggan": {"resolution": 32, "n_classes": 3, "width_g": 2, "width_d": 2, "latent_dim": 8, "shared_dim": 4}
    | {"batch_size": 16, "batch_size_g": 16, "ortho": 0.0},
    "introvae": {"resolution": 32, "widths": [4, 4, 4], "latent_dim": 4, "vae_kimg": 0, "total_kimg": 1},
    "vgan": {"width_g": 2, "width_d": 2, "max_width": 4, "code_channels": 2, "latent_dim": 4},
    "r1gan": {"resolution": 32, "n_classes": 3, "width_g": 2, "width_d": 2, "max_width": 4, "latent_dim": 4}
    | {"embed_dim": 4},
    "rothgan": {"width_g": 4, "width_d": 4, "latent_dim": 4},
    "ttur": {"width_g": 4, "width_d": 4, "latent_dim": 4},
    "sngan": {
        "resolution": 32,
        "n_classes": 0,
        "architecture": "resnet",
        "width_g": 4,
        "width_d": 4,
        "latent_dim": 4,
    },
    "ctgan": {"n_dis": 2, "width_g": 4, "width_d": 4, "latent_dim": 4},
}


#: PyTorch's second derivatives of relu and of pooling are zeros that run down the forward pass, 2 f of D at each of
#: WGAN-GP's points: CT-GAN pays for them, for its D has nothing bent
ZEROS = {"ctgan": 1.1}


#: paper -> operators of its first step, and the most bytes of tensors, with PyTorch 2.14; another may need less
AT_MOST = {
    "pggan": (870, 961_760),
    "stylegan": (1_581, 430_404),
    "biggan": (4_409, 6_929_224),
    "introvae": (1_167, 7_984_892),
    "vgan": (1_183, 14_092_952),
    "r1gan": (1_846, 63_841_680),
    "rothgan": (1_222, 45_941_700),
    "ttur": (571, 24_495_276),
    "sngan": (4_801, 23_794_228),
    "ctgan": (2_579, 28_819_960),
}


@pytest.fixture(scope="module")
def adam_was_used():
    """After the first real step of an Adam in a process, each later one counts two operators more."""
    weight = nn.Parameter(torch.ones(2))
    weight.sum().backward()
    torch.optim.Adam([weight]).step()


@pytest.mark.parametrize("paper", SMALL)
@pytest.mark.usefixtures("adam_was_used")
def test_a_step_wastes_nothing_that_can_be_counted(paper):
    counts, gan = of_step(lambda: model_class(paper)(**SMALL[paper]), steps=1), model_class(paper)(**SMALL[paper])
    assert counts["waits"] == 0  # numbers read from the device
    operators, peak_bytes = AT_MOST[paper]
    assert 0.5 * operators < counts["operators"] <= operators
    assert 0.5 * peak_bytes < counts["peak_bytes"] <= peak_bytes
    # less by the first layers' slopes, which nobody needs: much of a narrow network
    assert 0.9 < counts["flops"] / counts["least"] < ZEROS.get(paper, 1.01)
    d_steps = getattr(gan, "n_dis", None) or getattr(gan, "d_steps", None) or 1
    trained = {k: sum(p.numel() for p in getattr(gan, k).parameters() if p.requires_grad) for k in "GD"}
    needed = trained["G"] + d_steps * trained["D"]  # each gradient once an update
    # growing: without what other resolutions show and judge by
    assert counts["sent"] == needed or (paper in ("pggan", "stylegan") and 0.5 * needed < counts["sent"] < needed)


def test_two_networks_that_learn_from_one_batch_of_fakes_need_it_once():
    build = model_class("pggan")
    apart, together = (
        of_step(lambda u=u: build(**SMALL["pggan"], updates=u), steps=1) for u in ("alternating", "simultaneous")
    )
    assert together["least"] < apart["least"]
    assert 0.9 < together["flops"] / together["least"] < 1.01
    assert together["flops"] / together["least"] == pytest.approx(apart["flops"] / apart["least"], rel=2e-3)


def test_flops_and_bytes_of_a_layer_in_closed_form():
    net, x = nn.Conv2d(3, 5, 3, padding=1, bias=False), torch.zeros(2, 3, 8, 8)
    with Counted() as counts:
        counts.hold(x)
        y = net(x)
        y.sum().item()
        y.sum().backward()
    forward = 2 * (2 * 8 * 8) * (3 * 3 * 3) * 5
    assert counts.flops["convolution"] == forward
    assert counts.flops["convolution_backward"] == forward  # x needs none
    assert counts.peak >= 4 * (x.numel() + y.numel())
    assert counts.waits == 0  # a number of the host's own


def test_every_paper_says_what_it_needs():
    assert {name.lower() for name in PASSES} == set(SMALL) == set(PAPERS) - {"ctgan_ssl"}  # points and few labels


def passes(gan) -> str:
    """A step's least as the papers' pages write it, for n real images and m fakes of G's step."""
    of = PASSES[type(gan).__name__]
    parts = zip(("D", "G"), of(gan, 1000, 0), of(gan, 0, 1000), strict=True)
    terms = (
        (net, [f"{k // 1000} {of}".removeprefix("1 ") for k, of in ((n, "n"), (m, "m")) if k])
        for net, n, m in parts
    )
    return ", ".join(f"{net} {' + '.join(of)}" for net, of in terms)


@pytest.mark.parametrize("paper", SMALL)
def test_every_paper_s_page_derives_its_least(paper):
    page = (ROOT / f"reproductions/{paper}/README.md").read_text(encoding="utf-8").split("Least forwards")[1]
    least = " ".join(page.split("\n\n")[0].split())
    assert f"{passes(model_class(paper)(**SMALL[paper]))} for n real images" in least
    if paper == "ttur":
        assert passes(model_class(paper)(**SMALL[paper], game="wgan-gp")) in least
    if paper == "sngan":  # a gradient's, and none for weights held orthonormal
        options = SMALL[paper] | {"architecture": "cnn", "n_classes": 0}
        plain, slopes, weights = (
            model_class(paper)(**options, penalty=name, norm_d="none") for name in ("none", "gp", "orthonormal")
        )
        n = [PASSES["SNGAN"](gan, 1000, 1000)[0] for gan in (plain, slopes, weights)]
        assert [one - n[0] for one in n] == [0, 4000, 0]
    if paper == "pggan":
        assert passes(model_class(paper)(**SMALL[paper], updates="simultaneous")).endswith("G n + 2 m")


def test_the_table_keeps_what_it_does_not_count_anew(tmp_path, capsys):
    (tmp_path / "sngan").mkdir()
    for name in ("paper", "wide"):
        width = 8 if name == "wide" else 4
        (tmp_path / "sngan" / f"{name}.yaml").write_text(
            f"model: {{resolution: 32, n_classes: 0, architecture: resnet, width_g: {width}, width_d: {width}, "
            "latent_dim: 4, n_dis: 1, batch_size: 4, batch_size_g: 4, total_kimg: 1, decay_start_kimg: null}"
        )
    recipes = [tmp_path / "sngan" / f"{name}.yaml" for name in ("paper", "wide")]
    table(recipes, tmp_path / "speed")
    before = list(csv.DictReader((tmp_path / "speed.csv").open()))
    assert float(before[1]["gflop_per_image"]) > 3 * float(before[0]["gflop_per_image"])
    table(recipes[:1], tmp_path / "speed")
    assert list(csv.DictReader((tmp_path / "speed.csv").open())) == before
    assert "| sngan | wide | 32 | 4 |" in (tmp_path / "speed.md").read_text()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        table([tmp_path / "nowhere.yaml"], tmp_path / "speed")


def test_without_recipes_the_table_counts_its_own_lines_and_every_paper(tmp_path):
    for name in ("paper", "wide", "other"):
        (tmp_path / "sngan").mkdir(exist_ok=True)
        (tmp_path / "sngan" / f"{name}.yaml").touch()
    lines = [("sngan", "wide"), ("sngan", "gone")]
    assert [recipe.stem for recipe in every(lines, tmp_path)] == ["paper", "wide"]
    found = every([], ROOT / "reproductions")
    assert {recipe.parent.name for recipe in found} == {*PAPERS, *BASELINES}
    assert {recipe.stem for recipe in found} == {"paper"}
    with pytest.raises(FileNotFoundError, match="run this in a clone of the project"):
        table(None, tmp_path / "speed", folder=tmp_path / "nowhere")


def test_the_page_shows_a_gpu_s_lines_behind_the_counts(tmp_path):
    line = dict.fromkeys(COLUMNS, "1")
    assert "Measured on a GPU" not in page([line], tmp_path / "steps.csv")
    with (tmp_path / "steps.csv").open("w") as file:
        writer = csv.DictWriter(file, GPU_LINE, lineterminator="\n")
        writer.writeheader()
        seen = {
            "paper": "sngan",
            "recipe": "tiny",
            "precision": "32-true",
            "layout": "channels_last",
            "way": "eager",
        }
        writer.writerow(
            seen | {"device": "cuda", "seconds": "0.012345", "images_per_s": "810.0", "peak_gib": "1.5"}
        )
        writer.writerow(seen | {"device": "cuda", "error": "longer than 180 s"})
    text = page([line], tmp_path / "steps.csv")
    assert "| cuda | sngan | tiny | 32-true | channels_last | eager |  | 0.0123 | 810 | 1.5 |  |" in text
    assert "|  |  |  | longer than 180 s |" in text


def test_the_bench_says_what_it_counted():
    said = counted(ROOT / "reproductions/sngan/tiny.yaml")
    assert "a step of 32 images at 32 px has" in said
    assert "0 waits for the device" in said
