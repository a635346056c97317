"""Models for other programs: `zoo export` to safetensors, ONNX and TorchScript, checked against the original."""

import copy
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.data.whole import replacing
from zoo.engine.encoders import check_encoder
from zoo.engine.gan import GAN
from zoo.networks import layers
from zoo.options.bar import track
from zoo.options.folders import check_new
from zoo.training import safetensors

Kind = Literal["safetensors", "onnx", "torchscript"]
SUFFIXES = {"safetensors": ".safetensors", "onnx": ".onnx", "torchscript": ".ts"}
TOLERANCE = 1e-4  # of what an exported network computes, beside the largest number or 1
BATCHES = (4, 1, 6)  # of the example, and of the checks


class Exported(nn.Module):
    """One network of a GAN behind a function of tensors; its parts are the network's, the GAN's are not."""

    def __init__(self, net: nn.Module, act: Callable) -> None:
        super().__init__()
        self.net, self.act = net, act

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.act(self.net, x, label)


def settled(net: nn.Module) -> nn.Module:
    """Divide spectrally normalised weights once and for all, as their next pass in eval mode would."""
    for module in net.modules():
        if isinstance(module, layers.SpectralNorm):
            with torch.no_grad():
                module.weight.copy_(module.normalized_weight())
            module.normalized_weight = lambda module=module: module.weight
    return net


def check_out(path: Path, to: Kind) -> None:
    """Refuse a file that does not end as its kind does, as other programs' and other commands' files do, and one
    that cannot be written or whose packages are not there.

    Raises:
        ValueError, ImportError: naming it.
    """
    check_new("--out", path, SUFFIXES[to])
    if not path.absolute().parent.is_dir():
        raise ValueError(
            f"there is no folder {path.parent} to write {path.name} to: make it, or name another --out"
        )
    if to == "onnx" and not all(map(find_spec, ("onnx", "onnxscript", "onnxruntime"))):
        raise ImportError("ONNX needs onnx, onnxscript and onnxruntime: pip install 'gan-zoo[onnx]'")


def check_there(gan: GAN, what: str | None) -> None:
    """Refuse a network that the model has not.

    Args:
        what: None for the whole model.

    Raises:
        ValueError: naming it.
    """
    if gan.only_G and what != "G":
        raise ValueError("the file holds G alone: choose --what G, or give the checkpoint it was exported from")
    if what == "E":
        check_encoder(gan)
    elif what == "D":
        networks = gan.origin.get("imported", {}).get("networks", ["D"])
        if "D" not in networks:
            raise ValueError("the imported file had no discriminator, so there is no D to export: choose --what G")
        if hasattr(gan, "encode") and gan.D is getattr(gan, "E", None):
            raise ValueError(f"{type(gan).__name__}'s D is its encoder: choose --what E")


def check_drawing(gan: GAN, what: str, truncation: float | None, ema: bool) -> None:
    """Refuse ways of drawing that the exported network would not heed.

    Raises:
        ValueError: naming the option.
    """
    if what != "G" and (truncation is not None or not ema):
        raise ValueError(
            f"--truncation and --ema false do nothing with --what {what}, which draws nothing: leave them out"
        )
    if truncation is None:
        return
    gan.indexed_latents(1, truncation=truncation)  # refuses one that the model does not draw at
    if not (hasattr(gan.G, "truncate") or has_statistics(gan)):
        raise ValueError(
            f"{type(gan).__name__} truncates z, which the file is given: leave out --truncation, and draw z within "
            f"{truncation:g}"
        )


def has_statistics(gan: GAN) -> bool:
    """Whether G's batch statistics are those of a truncation, of which z must then be too."""
    return hasattr(gan.G, "choose") or bool(getattr(gan, "standing_passes", 0))


def part(gan: GAN, what: str, truncation: float | None, ema: bool) -> Exported:
    """G as `decode` draws, D's logits, or E as `encode` places, of an own copy of the model in eval mode.

    StyleGAN draws with the noise maps kept with its weights; BigGAN with standing statistics made now.
    """
    gan = copy.deepcopy(gan).eval()
    if what == "G":
        G = gan.G_ema if ema and gan.G_ema is not None else gan.G
        if hasattr(gan, "stored_noise"):
            gan.stored_noise = True
        if hasattr(gan, "standing"):
            G, gan.standing_passes = gan.standing(G, truncation), 0
        if hasattr(G, "choose"):
            G.choose(1.0 if truncation is None else truncation)
            return Exported(settled(G), lambda net, z, label: net(z, label)).eval()
        return Exported(settled(G), lambda net, z, label: gan.generate(net, z, label, truncation)).eval()
    if what == "E":
        return Exported(settled(gan.E), lambda net, x, label: gan.encode(x)).eval()
    more = {"sample": False} if hasattr(gan.D, "logits_and_kl") else {}
    if hasattr(gan, "schedule") and "lod" not in gan.origin.get("imported", {}):  # imported ones know theirs
        more["lod"] = gan.trained_stage.lod
    return Exported(settled(gan.D), lambda net, x, label: net(gan.to_native(x), label, **more)).eval()


def examples(gan: GAN, what: str, n: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Inputs of a network for n images, on the CPU."""
    z, label = gan.indexed_latents(n, seed)
    x = z if what == "G" else gan.sample(n, seed=seed).clamp(-1, 1)
    return (x,) if label is None or what == "E" else (x, label)


def export(
    gan: GAN,
    path: Path,
    to: Kind,
    what: Literal["G", "D", "E"] | None = None,
    truncation: float | None = None,
    ema: bool = True,
) -> str:
    """Write a network of a model for another program, and check there that it computes the same.

    Args:
        gan: on the CPU, from `zoo.load`.
        what: the network; None is the whole model for safetensors, else G.
        truncation: at which G draws, for ONNX and TorchScript: psi of StyleGAN, or the one that BigGAN's batch
            statistics are of, becomes part of the file.
        ema: take the average of G where there is one.

    Returns:
        a sentence that says what was written and how closely it agrees.

    Raises:
        ValueError: if the model has no such network, or the other program computes something else.
    """
    check_out(path, to)
    check_there(gan, what or (None if to == "safetensors" else "G"))
    if to == "safetensors":
        if what == "E":
            raise ValueError("safetensors holds the model whole, with its encoder: leave --what out")
        if truncation is not None or not ema:
            raise ValueError(
                "--truncation and --ema false do nothing with safetensors, which holds weights as they are: leave "
                "them out, or give --to onnx or torchscript"
            )
        safetensors.save(gan, path, what)
        read = "for other programs" if what == "D" else "zoo.load reads it back"
        return f"{path}: {what or 'the whole model'} with its settings; {read}"
    what = what or "G"
    check_drawing(gan, what, truncation, ema)
    net = part(gan, what, truncation, ema)
    with replacing(path) as temporary:
        write, worst, sizes = {"onnx": to_onnx, "torchscript": to_torchscript}[to], 0.0, batches(gan, what)
        for n in track((0, *sizes), 1 + len(sizes), what=to):  # written, then checked
            if n == 0:
                run = write(net, examples(gan, what, BATCHES[0]), temporary)
            else:
                worst = max(worst, agreement(net, run, examples(gan, what, n, seed=1)))
    said = f"{path}: {what} of {type(gan).__name__}, any batch; differs from the original by {worst:.1e} at most"
    if truncation is not None and has_statistics(gan):
        said += f"; its statistics are those of truncation {truncation:g}: give it z drawn at that"
    return said


def batches(gan: GAN, what: str) -> tuple[int, ...]:
    """Batch sizes of the checks; a D with minibatch statistics takes whole groups."""
    return (4, 8) if what == "D" and stddev(gan) else BATCHES


def stddev(gan: GAN) -> int | None:
    return getattr(gan.D, "stddev_group", getattr(gan.D, "group_size", 0))


def agreement(net: Exported, run: Callable, inputs: tuple[Tensor, ...]) -> float:
    """Largest difference between the original and the exported network, beside the largest number or 1.

    Raises:
        ValueError: if it is above the tolerance.
    """
    with torch.no_grad():
        ours = net(*inputs)
    theirs = run(*inputs)
    worst = ((ours - theirs).abs().max() / ours.abs().max().clamp(min=1)).item()
    if theirs.shape != ours.shape or not worst <= TOLERANCE:
        raise ValueError(f"the exported network differs from the original by {worst:.1e}, above {TOLERANCE:g}")
    return worst


def to_onnx(net: Exported, inputs: tuple[Tensor, ...], path: Path) -> Callable:
    """Write ONNX by torch.export with a dynamic batch; returns a call of onnxruntime."""
    import onnxruntime

    names = ["x", "label"][: len(inputs)]
    names[0] = "z" if inputs[0].ndim == 2 else "images"
    batch = torch.export.Dim("batch")
    with torch.no_grad():
        program = torch.onnx.export(
            net,
            inputs,
            dynamo=True,
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            input_names=names,
            output_names=["images" if inputs[0].ndim == 2 else "output"],
            verbose=False,
            optimize=False,  # onnxscript 0.7 drops a norm's + 1e-8 as if it were + 0; onnxruntime optimizes
        )
    program.save(str(path))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(*values: Tensor) -> Tensor:
        feed = {name: value.numpy() for name, value in zip(names, values, strict=True)}
        return torch.from_numpy(session.run(None, feed)[0])

    return run


def to_torchscript(net: Exported, inputs: tuple[Tensor, ...], path: Path) -> Callable:
    """Write a traced network; returns the file, loaded."""
    with torch.no_grad():
        torch.jit.trace(net, inputs, check_trace=False).save(str(path))
    return torch.jit.load(str(path))
