"""What `zoo data prepare` does by default for each data set, as its papers did it, and how many images it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Filter = Literal["mean", "box", "lanczos", "bilinear", "bicubic"]  # by which images are resized


@dataclass(frozen=True)
class Kind:
    """Facts about a data set and the defaults they lead to.

    Attributes:
        title: its name in messages and results.
        crop: see `zoo.preparation.pixels.CROPS`.
        filter: see `zoo.preparation.pixels.FILTERS`.
        labelled: False drops labels that the papers do not use, such as the folders that only shard FFHQ.
        counts: images of each split; unknown splits and sets of no fixed size are absent.
        resolution: the usual side in pixels when none is given.
    """

    title: str
    crop: str = "center"
    filter: str = "lanczos"
    labelled: bool = True
    counts: dict[str, int] | None = None
    resolution: int | None = None


# "mean" are the repeated 2x2 means by which PGGAN and StyleGAN made all levels (dataset_tool.py of
# tkarras/progressive_growing_of_gans @ 2504c3f, lines 30-92; for FFHQ another filter costs about 1 FID, see
# NVlabs/stylegan2-ada-pytorch issue 283).
KINDS = {
    # 30,000 squares of 1024 px (PGGAN, dataset_tool.py:454-594); IntroVAE trains on 29,000 (main.py:114-115)
    "celebahq": Kind("CelebA-HQ", "none", "mean", False, {"all": 30_000, "train": 29_000, "val": 1_000}, 1024),
    # 70,000 squares of 1024 px; the StyleGAN paper trains on all of them, 60,000/10,000 is a later recommendation
    "ffhq": Kind("FFHQ", "none", "mean", False, {"all": 70_000, "train": 60_000, "val": 10_000}, 1024),
    # central square, Pillow bilinear: SNGAN (datasets/imagenet.py), GAN_stability (inputs.py:8-15), BigGAN-PyTorch
    # (utils.py:434-445)
    "imagenet": Kind("ImageNet", "center", "bilinear", True, {"train": 1_281_167, "val": 50_000}),
    # central square, Lanczos: PGGAN and StyleGAN; GAN_stability and Roth et al. take bilinear
    "lsun": Kind("LSUN", "center", "lanczos", False),
    # PGGAN's 128 px square of the aligned images (dataset_tool.py:435-450); others cut the central square
    "celeba": Kind("CelebA", "celeba", "mean", False, {"all": 202_599}, 128),
    "cifar10": Kind("CIFAR-10", "none", "box", True, {"train": 50_000, "test": 10_000}, 32),
    # the papers say 48 px and name no filter; Pillow's bilinear is torchvision's Resize
    "stl10": Kind("STL-10", "none", "bilinear", True, {"unlabeled": 100_000, "train": 5_000, "test": 8_000}, 48),
    "svhn": Kind("SVHN", "none", "box", True, {"train": 73_257, "test": 26_032, "extra": 531_131}, 32),
    "folder": Kind("images"),
}
