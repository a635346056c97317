"""How distances answer to growing disturbance of images, after TTUR's study of FID against the inception distance.

Kinds and levels as bioinf-jku/TTUR @ 73ab375, FID_vs_Inception_Score/README.md, tells them: normal noise, blur,
black rectangles, swirl, salt and pepper, foreign images. Theirs were faces of CelebA and ImageNet; here reals are
LFW faces, and CIFAR-10 is what is mixed in. Every distance of this project is taken between 300 faces and another
300, disturbed. A good distance rises with the level; of salt and pepper the paper's table saturates.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from zoo.data import ImageDataModule
from zoo.evaluation.evaluate import evaluate
from zoo.evaluation.swd import swd

N, N_NET = 300, 200  # images of each kind; of a trained network's distance, which is dear
SIDE = 32
#: name -> its levels, beside none at all (TTUR's README)
LEVELS: dict[str, tuple[float, ...]] = {
    "noise": (0.25, 0.5, 0.75),
    "blur": (1, 2, 4),
    "rectangles": (0.25, 0.5, 0.75),
    "swirl": (1, 2, 4),
    "salt": (0.1, 0.2, 0.3),
    "foreign": (0.25, 0.5, 0.75),
}
VARIANTS = ("none-0", *(f"{kind}-{level:g}" for kind, levels in LEVELS.items() for level in levels))


def noise(x: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """(1 - level) x + level n, n normal around the middle grey with a deviation of half the range."""
    return (1 - level) * x + level * (127.5 + 127.5 * rng.standard_normal(x.shape))


def blur(x: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian filter of deviation `level` px at 64 px, in the images' own px."""
    return ndimage.gaussian_filter(x, (0, 0, level * x.shape[-1] / 64, level * x.shape[-1] / 64))


def rectangles(x: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Five black squares of `level` times the image's side on each image, at random places, cut at its border."""
    x, size = x.copy(), x.shape[-1]
    side = round(level * size)
    for image in x:
        for top, left in rng.integers(0, size, (5, 2)):
            image[:, top : top + side, left : left + side] = 0
    return x


def swirl(x: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Turned around the middle by an angle that falls from `level` radians e-fold every fifth of the side."""
    size = x.shape[-1]
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    r = np.hypot(rows, columns)
    angle = np.arctan2(rows, columns) + level * np.exp(-r / (size / 5))
    where = np.stack([r * np.sin(angle), r * np.cos(angle)]) + (size - 1) / 2
    return np.stack([[ndimage.map_coordinates(c, where, order=1, mode="reflect") for c in image] for image in x])


def salt(x: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """A share `level` of the pixels white or black, all colours together."""
    shape = (len(x), 1, *x.shape[2:])
    hit, white = rng.random(shape) < level, rng.random(shape) < 0.5
    return np.where(hit, np.where(white, 255.0, 0.0), x)


#: what changes pixels; foreign images need another set
CHANGES: dict[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "noise": noise,
    "blur": blur,
    "rectangles": rectangles,
    "swirl": swirl,
    "salt": salt,
}


def disturb(images: Tensor, foreign: Tensor, kind: str, level: float, seed: int) -> Tensor:
    """uint8 images (N, 3, R, R) at a level of a kind; of `foreign` images as many as the level's share come in."""
    if not level:
        return images
    if kind == "foreign":
        n = round(level * len(images))
        return torch.cat([foreign[:n], images[n:]])
    changed = CHANGES[kind](images.numpy().astype(np.float64), level, np.random.default_rng(seed))
    return torch.from_numpy(changed.round().clip(0, 255).astype(np.uint8))


def faces_and_foreign(seed: int) -> tuple[ImageDataModule, Tensor, Tensor]:
    """LFW faces as reals (a random half), N other faces, and N images of CIFAR-10, at 32 px."""
    every = ImageDataModule("data/lfw-faces-64.zip", SIDE, labels=False, source_resolution=64, name="LFW faces")
    every.setup()
    order = torch.randperm(len(every), generator=torch.Generator().manual_seed(seed))
    others = every.images(order[:N])
    reals = ImageDataModule(
        "data/lfw-faces-64.zip", SIDE, labels=False, source_resolution=64, name="LFW faces", limit=6000
    )
    reals.setup()
    objects = ImageDataModule("data/cifar10-train-1.zip", SIDE, labels=False)
    objects.setup()
    chosen = torch.randperm(len(objects), generator=torch.Generator().manual_seed(seed))[:N]
    return reals, others, objects.images(chosen)


def distances(reals: ImageDataModule, images: Tensor, nets: list[str], extras: tuple[str, ...]) -> dict[str, float]:
    """Metrics of uint8 images (N, 3, R, R) over the nets' features, against as many reals, and the extras."""
    n = len(images)
    sizes = {"n_fake": n, "n_real": n, "n_prdc": n, "kid_subsets": 10}
    return evaluate(lambda n, seed, start: images[start : start + n], reals, nets, extras=extras, **sizes)[
        "metrics"
    ]


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
