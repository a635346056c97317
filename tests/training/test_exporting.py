"""Exported networks compute what the originals compute; safetensors files are read back."""

import pytest
import torch
import yaml
from runs import SMALL

import zoo
from zoo.commands import weights
from zoo.papers import PAPERS, paper_class
from zoo.training.exporting import export


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


def test_the_file_itself_is_not_written_over(tmp_path):
    path = tmp_path / "model.safetensors"
    export(small("r1gan"), path, "safetensors")
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"model.safetensors is the file itself: name another with --out"):
        weights.export(path, what="G")
    assert path.read_bytes() == before
