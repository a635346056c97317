"""Networks of images that are not of three colours, as the zoo shows and feeds them: three equal channels."""

import re

from torch import Tensor, nn

#: convolutions that make the image in the papers' generators; the first kind that a network has counts
LAST = [re.compile(p) for p in (r"(synthesis\.)?to_rgb\.\d+", r"conv|head")]
#: convolutions that see it in their discriminators and encoders
FIRST = [re.compile(p) for p in (r"from_rgb\.\d+", r"(trunk\.)?conv|convs\.0")]
FIRST.append(re.compile(r"(stages\.0\.)?blocks\.0\.(conv1|shortcut)"))


def to_three(images: Tensor) -> Tensor:
    """Images (N, C, H, W) as (N, 3, H, W): one channel three times; of four and more the first three; of two, their
    mean three times."""
    if images.shape[1] >= 3:
        return images[:, :3]
    return images.mean(1, keepdim=True).expand(-1, 3, -1, -1)


def from_three(images: Tensor, channels: int) -> Tensor:
    """The way back: (N, 3, H, W) as (N, C, H, W), for one and two channels the mean; beyond three, ones."""
    if images.shape[1] == channels:
        return images
    if channels < 3:
        return images.mean(1, keepdim=True).expand(-1, channels, -1, -1)
    return nn.functional.pad(images, (0, 0, 0, 0, 0, channels - 3), value=1.0)


def widen(module: nn.Module, args: tuple, output: Tensor) -> Tensor:
    return to_three(output)


def narrow(module: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
    return (from_three(args[0], module.in_channels), *args[1:])


def as_rgb(G: nn.Module, D: nn.Module, channels: int) -> None:
    """Make G hand out, and D take, images of three channels; their weights stay those of `channels`."""
    for net, kinds in ((G, LAST), (D, FIRST)):
        found = [[m for name, m in net.named_modules() if kind.fullmatch(name)] for kind in kinds]
        for module in next((ends for ends in found if ends), []):
            if net is G:
                module.register_forward_hook(widen)
            elif module.in_channels == channels:
                module.register_forward_pre_hook(narrow)
