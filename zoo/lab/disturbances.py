"""How distances answer to growing disturbance of images, after TTUR's study of FID against the inception distance.

Kinds and levels as bioinf-jku/TTUR @ 73ab375, FID_vs_Inception_Score/README.md, tells them: normal noise, blur,
black rectangles, swirl, salt and pepper, foreign images. Theirs were faces of CelebA and ImageNet; here reals are
LFW faces, and CIFAR-10 is what is mixed in. Every distance of this project is taken between 300 faces and another
300, disturbed. A good distance rises with the level; of salt and pepper the paper's table saturates.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from zoo.data import ImageDataModule
from zoo.evaluation import disturbances
from zoo.evaluation.disturbances import TTUR_LEVELS
from zoo.evaluation.evaluate import evaluate
from zoo.evaluation.swd import swd

N, N_NET = 300, 200  # images of each kind; of a trained network's distance, which is dear
SIDE = 32
VARIANTS = ("none-0", *(f"{kind}-{level:g}" for kind, levels in TTUR_LEVELS.items() for level in levels if level))


def disturb(images: Tensor, others: Tensor, kind: str, level: float, seed: int) -> Tensor:
    """uint8 images (N, 3, R, R) at a level of one of `TTUR_LEVELS`, a blur's pixels being those of 64 px.

    `others` are the images that are foreign.
    """
    if not level:
        return images
    if kind == "foreign":
        return disturbances.foreign(images, others, level, seed)
    level = level * SIDE / 64 if kind == "blur" else level
    return getattr(disturbances, kind)(images, level, seed)


def faces_and_foreign(seed: int) -> tuple[ImageDataModule, Tensor, Tensor]:
    """LFW faces as reals (6,000 of them), N of those left, and N images of CIFAR-10, at 32 px."""
    reals = ImageDataModule(
        "data/lfw-faces-64.zip", SIDE, labels=False, source_resolution=64, name="LFW faces", limit=6000
    )
    reals.setup()
    left = reals.held_out()
    order = torch.randperm(len(left), generator=torch.Generator().manual_seed(seed))
    others = left[order[:N]][0]
    objects = ImageDataModule("data/cifar10-train-1.zip", SIDE, labels=False)
    objects.setup()
    chosen = torch.randperm(len(objects), generator=torch.Generator().manual_seed(seed))[:N]
    return reals, others, objects.images(chosen)


def distances(reals: ImageDataModule, images: Tensor, nets: list[str], extras: tuple[str, ...]) -> dict[str, float]:
    """Metrics of uint8 images (N, 3, R, R) over the nets' features, against as many reals, and the extras."""
    sizes = dict.fromkeys(("n_fake", "n_real", "n_prdc"), len(images))

    def drawn(n: int, seed: int, start: int) -> Tensor:
        return images[start : start + n]

    return evaluate(drawn, reals, nets, extras=extras, kid_subsets=10, **sizes)["metrics"]


def play(seed: int, kimg: float, wanted: list[str]) -> Iterator[tuple[str, dict[str, float], dict]]:
    """(variant, metrics, settings) of each wanted variant: distances without a trained network; SWD of a quarter of
    PGGAN's patches and one repeat."""
    reals, faces, objects = faces_and_foreign(seed)
    for variant in wanted:
        kind, _, level = variant.partition("-")
        images = disturb(faces, objects, kind, float(level), seed)
        found = distances(reals, images, ["random"], ("fwd", "ms_ssim"))
        yield variant, found | swd([reals.images(torch.arange(N))], [images], 32, 1), {"n": N, "px": SIDE}


def play_net(seed: int, kimg: float, wanted: list[str]) -> Iterator[tuple[str, dict[str, float], dict]]:
    """The same over the network that comes as a package."""
    reals, faces, objects = faces_and_foreign(seed)
    for variant in wanted:
        kind, _, level = variant.partition("-")
        images = disturb(faces[:N_NET], objects, kind, float(level), seed)
        yield variant, distances(reals, images, ["efficientnet-lite0"], ()), {"n": N_NET, "px": SIDE}
