"""Exported networks compute what the originals compute; safetensors files are read back."""

import pytest
import torch
import yaml
from runs import SMALL
from safetensors import safe_open
from safetensors.torch import save_file

import zoo
from zoo.commands import scoring, weights
from zoo.engine import encoders
from zoo.papers import PAPERS, paper_class
from zoo.training.exporting import SUFFIXES, export


def small(paper: str):
    """A small model of a paper at the end of its training, every parameter away from its start."""
    words = SMALL[paper].split()
    options = {k.removeprefix("--model."): yaml.safe_load(v) for k, v in zip(words[::2], words[1::2], strict=True)}
    torch.manual_seed(0)
    gan = paper_class(paper)(**options).eval()
    gan.nimg = int(gan.total_kimg * 1000)
    with torch.no_grad():
        for p in gan.parameters():
            p.add_(0.1 * torch.randn_like(p))
        for name, b in gan.named_buffers():
            if name.endswith("running_var"):  # of 1, these weights would saturate the images
                b.fill_(25.0)
    return gan


@pytest.mark.parametrize("paper", sorted(PAPERS))
def test_safetensors_and_torchscript(paper, tmp_path):
    gan = small(paper)
    export(gan, tmp_path / "all.safetensors", "safetensors")
    z, y = gan.indexed_latents(3)
    again = zoo.load(tmp_path / "all.safetensors")
    assert torch.equal(again.decode(z, y), gan.decode(z, y))
    assert dict(again.hparams) == dict(gan.hparams)
    assert again.nimg == gan.nimg
    export(gan, tmp_path / "G.safetensors", "safetensors", "G")
    assert torch.equal(zoo.load(tmp_path / "G.safetensors").decode(z, y), gan.decode(z, y))
    assert "differs" in export(gan, tmp_path / "G.ts", "torchscript")


@pytest.mark.parametrize("paper", sorted(PAPERS))
def test_onnx(paper, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    assert "differs" in export(small(paper), tmp_path / "G.onnx", "onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["G.onnx"]


def test_onnx_of_a_fresh_stylegan(tmp_path):
    """Its first map is the same number everywhere: only the norm's 1e-8 stands between the pictures and 0 * inf."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    words = SMALL["stylegan"].split()
    options = {k.removeprefix("--model."): yaml.safe_load(v) for k, v in zip(words[::2], words[1::2], strict=True)}
    gan = paper_class("stylegan")(**options).eval()
    gan.nimg = int(gan.total_kimg * 1000)
    assert "differs" in export(gan, tmp_path / "G.onnx", "onnx")


@pytest.mark.parametrize("paper", ["pggan", "stylegan"])
def test_a_discriminator_that_still_grows(paper, tmp_path):
    gan = small(paper)
    gan.nimg = 1
    assert gan.trained_stage.resolution < gan.resolution
    assert "differs" in export(gan, tmp_path / "D.ts", "torchscript", "D")


def test_what_a_model_has_not(tmp_path):
    gan = small("r1gan")
    with pytest.raises(ValueError, match="no encoder"):
        export(gan, tmp_path / "E.onnx", "onnx", "E")
    gan.origin = {"imported": {"networks": ["G", "G_ema"]}}
    with pytest.raises(ValueError, match="no discriminator"):
        export(gan, tmp_path / "D.onnx", "onnx", "D")
    for ignored in ({"truncation": 0.7}, {"ema": False}):
        with pytest.raises(ValueError, match="do nothing with safetensors"):
            export(gan, tmp_path / "G.safetensors", "safetensors", "G", **ignored)
    (tmp_path / "bad.safetensors").write_bytes(b"\0" * 64)
    with pytest.raises(ValueError, match="damaged"):
        zoo.load(tmp_path / "bad.safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["bad.safetensors"]


def test_a_file_of_one_network_is_not_taken_for_more(tmp_path):
    gan = small("introvae")
    export(gan, tmp_path / "G.safetensors", "safetensors", "G")
    only = zoo.load(tmp_path / "G.safetensors")
    with pytest.raises(ValueError, match="holds G alone, without its encoder"):
        encoders.encode(only, torch.zeros(1, 3, gan.resolution, gan.resolution))
    for to, what in (("safetensors", None), ("torchscript", "E")):
        with pytest.raises(ValueError, match="holds G alone: choose --what G"):
            export(only, (tmp_path / "more").with_suffix(SUFFIXES[to]), to, what)
    with pytest.raises(ValueError, match="holds G alone, which is not scored"):
        scoring.evaluate(tmp_path / "G.safetensors", results_dir=None)
    assert "differs" in export(only, tmp_path / "G.ts", "torchscript")
    zoo.save_folder(only, tmp_path / "hub")
    assert zoo.load(tmp_path / "hub" / "model.safetensors").only_G
    export(small("r1gan"), tmp_path / "D.safetensors", "safetensors", "D")
    with pytest.raises(ValueError, match=r"D.safetensors holds D alone, which draws nothing"):
        zoo.load(tmp_path / "D.safetensors")


@pytest.mark.parametrize("what", [None, "G"])
def test_a_tensor_too_few_or_too_many(what, tmp_path):
    path = tmp_path / "a.safetensors"
    export(small("r1gan"), path, "safetensors", what)
    with safe_open(path, "pt") as file:
        about, state = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    some = next(name for name in state if name.startswith("G."))
    for change, said in (
        ({n: t for n, t in state.items() if n != some}, f"{some} is missing"),
        (state | {"G.foreign": state[some].clone()}, "G.foreign is none of this model's"),
        ({n: t for n, t in state.items() if n != "latent_rng"}, None if what else "latent_rng is missing"),
    ):
        save_file(change, path, about)
        if said is None:
            zoo.load(path)
            continue
        with pytest.raises(ValueError, match=f"a.safetensors .*{said}"):
            zoo.load(path)


def test_options_of_drawing_that_a_file_cannot_hold(tmp_path):
    gan = small("r1gan")
    for options, said in (
        ({"truncation": 0.5}, "R1GAN truncates z, which the file is given"),
        ({"truncation": -1.0}, "truncation must be positive"),
        ({"what": "D", "truncation": 0.5}, "do nothing with --what D"),
        ({"what": "D", "ema": False}, "do nothing with --what D"),
    ):
        with pytest.raises(ValueError, match=said):
            export(gan, tmp_path / "a.ts", "torchscript", **options)
    said = export(small("biggan"), tmp_path / "b.ts", "torchscript", truncation=0.5)
    assert "its statistics are those of truncation 0.5: give it z drawn at that" in said
    assert [p.name for p in tmp_path.iterdir()] == ["b.ts"]


@pytest.mark.parametrize(
    ("to", "out"), [("safetensors", "other.ckpt"), ("safetensors", "a.onnx"), ("onnx", "a.ts")]
)
def test_a_file_of_another_kind_is_not_written(to, out, tmp_path):
    with pytest.raises(ValueError, match=rf"--out .*{out} is no file of its kind: end it with"):
        weights.export(tmp_path / "never-read.ckpt", to, out=tmp_path / out)
    with pytest.raises(ValueError, match="there is no folder"):
        weights.export(tmp_path / "never-read.ckpt", to, out=(tmp_path / "no" / "a").with_suffix(SUFFIXES[to]))


def test_missing_packages_of_onnx_are_told_before_the_model_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.training.exporting.find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(ImportError, match=r"pip install 'gan-zoo\[onnx\]'"):
        weights.export(tmp_path / "never-read.ckpt", "onnx", out=tmp_path / "a.onnx")


def test_the_file_itself_is_not_written_over(tmp_path):
    path = tmp_path / "model.safetensors"
    export(small("r1gan"), path, "safetensors")
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"model.safetensors is the file itself: name another with --out"):
        weights.export(path, what="G")
    assert path.read_bytes() == before
