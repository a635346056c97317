"""Weights from and for others: `zoo import` of official files, `zoo export` to safetensors, ONNX, TorchScript."""

from pathlib import Path
from typing import Literal

from zoo.options.ranges import FiniteFloat


def import_(file: Path, out: Path | None = None, paper: str | None = None) -> None:
    """Turn a file of official weights into a checkpoint that all other commands take; nothing in the file is run.

    Args:
        file: PGGAN's or StyleGAN's pickle, BigGAN's .pth or its folder, BigGAN-deep's folder from Hugging Face,
            SNGAN's .npz, GAN_stability's or VGAN's .pt, or IntroVAE's pickled model.
        out: The checkpoint to write; by default the file's name with .ckpt, beside it.
        paper: The paper's name in the zoo, where the content leaves it open.
    """
    from zoo.training.importing import import_weights

    print(import_weights(file, out, paper))


def export(
    checkpoint: Path,
    to: Literal["safetensors", "onnx", "torchscript"] = "safetensors",
    what: Literal["G", "D", "E"] | None = None,
    out: Path | None = None,
    truncation: FiniteFloat | None = None,
    ema: bool = True,
) -> None:
    """Write a model for other programs, and check that it computes the same there.

    Args:
        checkpoint: A run's checkpoints/last.ckpt or any other, also imported ones.
        to: safetensors holds weights and settings, and is read back here where it holds G; onnx and torchscript
            hold one network that runs without the zoo, for any batch.
        what: G draws, D judges, E encodes; by default the whole model for safetensors, else G.
        out: The file to write; by default the checkpoint's name with another ending, beside it.
        truncation: Of StyleGAN and BigGAN, for onnx and torchscript: psi, or what the batch statistics are of,
            becomes part of the file.
        ema: Take the average of G where the model keeps one.
    """
    from zoo.training import exporting
    from zoo.training.loading import load

    out = out or checkpoint.with_suffix(exporting.SUFFIXES[to])
    if out.exists() and out.resolve() == checkpoint.resolve():
        raise ValueError(f"{out} is the file itself: name another with --out")
    exporting.check_out(out, to)
    print(exporting.export(load(checkpoint), out, to, what, truncation, ema))
