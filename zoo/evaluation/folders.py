"""Score any two folders or zips of images, whatever made them: `zoo evaluate --real A --fake B`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.data import ImageDataModule
from zoo.data.files import Files
from zoo.engine.devices import device_here
from zoo.evaluation.evaluate import evaluate
from zoo.evaluation.extractors import DEFAULT, check_name


class Pictures:
    """Images of a folder or zip, in the order of their names, where a generator is expected."""

    n_classes = 0

    def __init__(self, data: ImageDataModule, device: str = "cpu") -> None:
        self.data, self.device = data, device

    def sample(self, n: int, *, start: int = 0, **_: Any) -> Tensor:
        """uint8 images start..start + n."""
        return self.data.images(torch.arange(start, start + n)).to(self.device)


def open_pair(real: str | Path, fake: str | Path) -> tuple[ImageDataModule, ImageDataModule]:
    """Both sets, opened at the one size they have.

    Raises:
        MissingDataset, BadImage, ValueError: in one sentence, for a set that cannot be read, images that are not
            square, and sets of two sizes.
    """
    sizes = []
    for path in (real, fake):
        width, height = Files(path).image(0).size
        if width != height:
            raise ValueError(
                f"the first image of {path} is {width}x{height} px, not square: crop them with `zoo data prepare`"
            )
        sizes.append(width)
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"images of {real} are {sizes[0]} px and those of {fake} {sizes[1]} px: a distance between two sizes "
            "means nothing, so bring both to one by `zoo data prepare`"
        )
    sets = [ImageDataModule(str(path), sizes[0], labels=False) for path in (real, fake)]
    for one in sets:
        one.setup()
    return sets[0], sets[1]


def compare(
    real: str | Path,
    fake: str | Path,
    extractors: Sequence[str] = DEFAULT,
    device: str = "cpu",
    **options: Any,
) -> dict[str, dict]:
    """`evaluate` of the images in `fake` against those in `real`; all fakes count unless `n_fake` says otherwise.

    Raises:
        ValueError: as `open_pair`, or if there are fewer fakes than asked for.
        ValueError, OSError: for an extractor, or a file of weights that is named, that cannot be had.
    """
    device_here(device)
    for name in extractors:
        check_name(name, options.get("weights"))
    reals, fakes = open_pair(real, fake)
    for name in ("n_fake", "n_is"):
        if options.get(name) is not None and options[name] > len(fakes):
            raise ValueError(f"{name} is {options[name]}, but {fake} has {len(fakes)} images")
        if options.get(name) is None:
            options[name] = len(fakes)
    return evaluate(Pictures(fakes, device), reals, extractors, device=device, **options)


def report(result: dict[str, dict]) -> str:
    """The result as lines of text: metrics, what is absent and why, and what to know."""
    c = result["conditions"]
    lines = [f"{c['n_fake']:,} fakes against {c['n_real']:,} reals, protocol {c['protocol']}"]
    lines += [f"  {e['id']}, resize: {e['resize']}" for e in c["extractors"].values()]
    for name, value in result["metrics"].items():
        lines.append(f"{name:24} {value:.6g}")
        if name in result["notes"]:
            lines.append(f"  ({result['notes'][name]})")
    return "\n".join([*lines, *absences(result)])


def absences(result: dict[str, dict]) -> list[str]:
    """A line for each reason why metrics are absent."""
    reasons: dict[str, list[str]] = {}
    for name, reason in result["absent"].items():
        reasons.setdefault(reason, []).append(name)
    return [f"{', '.join(names)}: absent, {reason}" for reason, names in reasons.items()]
