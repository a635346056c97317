"""FD_DINOv2 as the literature computes it: `fd_dinov2`, over DINOv2 ViT-L/14 (Stein et al., NeurIPS 2023).

dgm-eval, dinov2.py:34-57: whole images to 224 px by Pillow's bicubic, which is antialiased and gives bytes again;
ImageNet's mean and deviation; the normed class token, 1024 numbers; 50,000 samples. EDM2 does the same without
going back to bytes. Weights are Meta's file dinov2_vitl14_pretrain.pth, named by `ZOO_DINOV2` or as dinov2:FILE;
the network is timm's.

torch-fidelity's `dinov2-vit-l-14` resizes by TensorFlow 1's bilinear: another number, under another name.
"""

import hashlib
import os
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.evaluation.extractors import Extractor, MissingWeights

SIDE, PATCH = 224, 14
ARCHITECTURE = "vit_large_patch14_dinov2"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of images in [0, 1]


class DINOv2(nn.Module):
    """uint8 images (N, 3, H, W) -> (normed class tokens (N, D), None).

    Args:
        state: arrays of Meta's file; timm has the same names.
        architecture: timm's name of it; ViT-L/14 by default.

    Raises:
        ValueError: if an array is missing, left over, or of another shape.
    """

    PART = 16  # images at a time

    def __init__(self, state: dict[str, Tensor], architecture: str | None = None) -> None:
        super().__init__()
        import timm

        architecture = architecture or ARCHITECTURE
        self.net = timm.create_model(architecture, pretrained=False, img_size=SIDE, num_classes=0)
        state = {name: array for name, array in state.items() if name != "mask_token"}  # of its training alone
        if "pos_embed" in state:
            state["pos_embed"] = positions(state["pos_embed"], SIDE // PATCH)
        wanted = self.net.state_dict()
        odd = sorted(wanted.keys() ^ state.keys())
        odd = odd or [name for name, array in wanted.items() if array.shape != state[name].shape]
        if odd:
            raise ValueError(f"these are not the weights of DINOv2's {architecture}: {odd[0]} does not fit")
        self.net.load_state_dict(state)
        self.net.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, None]:
        parts = [self.net.forward_features(prepared(part))[:, 0] for part in images.split(self.PART)]
        return torch.cat(parts), None


def prepared(images: Tensor) -> Tensor:
    """uint8 images at 224 px by antialiased bicubic, to bytes after each axis as Pillow does, and normalised."""
    x = images.float()
    for size in ((x.shape[-2], SIDE), (SIDE, SIDE)):  # lines first
        x = F.interpolate(x, size, mode="bicubic", antialias=True).round().clamp(0, 255)
    x = x / 255
    mean, deviation = (x.new_tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return (x - mean) / deviation


def positions(embedding: Tensor, side: int) -> Tensor:
    """Position embedding (1, 1 + S^2, D) for side x side patches, as Meta's code makes it of the stored one.

    Bicubic without antialiasing, by a factor with 0.1 patches added (dinov2 vision_transformer.py,
    interpolate_pos_encoding): timm's own resampling is antialiased and gives other numbers.
    """
    stored = round((embedding.shape[1] - 1) ** 0.5)
    if stored == side:
        return embedding
    grid = embedding[:, 1:].reshape(1, stored, stored, -1).permute(0, 3, 1, 2).float()
    grid = F.interpolate(grid, scale_factor=(side + 0.1) / stored, mode="bicubic")
    return torch.cat([embedding[:, :1].float(), grid.permute(0, 2, 3, 1).flatten(1, 2)], 1)


def build(file: str = "") -> Extractor:
    """The extractor, on the CPU.

    Args:
        file: weights; default the environment's `ZOO_DINOV2`.

    Raises:
        MissingWeights: if no file is named, it is not there, or timm is not installed.
        ValueError: if it does not hold the weights.
    """
    named = file or os.environ.get("ZOO_DINOV2")
    if not named:
        raise MissingWeights("fd_dinov2 needs Meta's dinov2_vitl14_pretrain.pth: set ZOO_DINOV2 to the file")
    path = Path(named).expanduser()
    if not path.is_file():
        raise MissingWeights(
            f"there is no DINOv2 weights file {path} where {'dinov2:' if file else 'ZOO_DINOV2'} points"
        )
    try:
        import timm  # noqa: F401
    except ImportError as error:
        raise MissingWeights("timm is not installed: pip install timm") from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        with torch.random.fork_rng(devices=[]):  # the network is drawn before it is loaded
            net = DINOv2(state)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} does not hold DINOv2's weights of ViT-L/14 ({reason})") from error
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Extractor(
        "dinov2",
        f"dinov2-vit-l-14 of Meta's layout:{digest[:8]}",
        f"{SIDE}x{SIDE} bicubic, antialiased, bytes",
        net,
    )
