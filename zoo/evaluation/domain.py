"""A small classifier as feature extractor, trained here on labelled data: for places without Inception's weights.

Its features tell apart what differs between the classes of that data set, which an untrained network's do not; its
numbers are named after the hash of its weights (`fd_domain:1a2b3c4d`), so that those of two classifiers never mix.

    zoo train-domain data/cifar10.zip domain.pt --resolution 32
    python reproductions/sngan.py ... --evaluation.extractors '[domain:domain.pt]'
"""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.data.whole import replacing

HELD_OUT = 20  # of so many images one is held out


class Classifier(nn.Module):
    """Five 3x3 convolutions with batch norm, then a linear layer on the spatial means of the last three (320).

    Args:
        resolution: side of the images it was trained on; others are resized to it.
    """

    WIDTHS, STRIDES = (32, 64, 64, 128, 128), (1, 2, 1, 2, 1)

    def __init__(self, resolution: int, n_classes: int) -> None:
        super().__init__()
        self.resolution, width, blocks = resolution, 3, []
        for out, stride in zip(self.WIDTHS, self.STRIDES, strict=True):
            blocks.append(nn.Sequential(nn.Conv2d(width, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)))
            width = out
        self.blocks = nn.ModuleList(blocks)
        self.linear = nn.Linear(sum(self.WIDTHS[2:]), n_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, 320) and logits (N, K) of uint8 images (N, 3, H, W)."""
        x = images.float() / 127.5 - 1
        if x.shape[-1] != self.resolution:
            x = F.interpolate(x, (self.resolution, self.resolution), mode="bilinear", antialias=True)
        features = []
        for block in self.blocks:
            x = F.relu(block(x))
            features.append(x.mean((2, 3)))
        features = torch.cat(features[2:], 1)
        return features, self.linear(features)


def digest(net: nn.Module) -> str:
    """sha256 (hex) of the weights and statistics, whatever file they lie in."""
    total = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        total.update(f"{name} {tuple(value.shape)}".encode())
        total.update(value.cpu().contiguous().numpy().tobytes())
    return total.hexdigest()


def train(
    data: Any,
    epochs: float = 5,
    batch_size: int = 128,
    seed: int = 0,
    report: Callable[[str], object] = print,
) -> dict[str, Any]:
    """Train a classifier on the labelled images of `data`, a twentieth of them held out.

    Images are mirrored at random and moved by up to an eighth of their side; AdamW with a one-cycle rate.

    Returns:
        what `save` takes: the network, and what is known about it (accuracy on the held-out images).

    Raises:
        ValueError: if the data has no labels, images of a single class, or too few to hold one out.
    """
    if not data.n_classes:
        raise ValueError(f"{data.name} has no labels: a classifier needs a data set with classes")
    if len(data) < HELD_OUT:
        raise ValueError(f"{data.name} has {len(data)} images, too few to hold one out: give {HELD_OUT} or more")
    labels = data.labels
    if len(labels.unique()) < 2:
        raise ValueError(f"all images of {data.name} are of one class: a classifier needs two or more")
    rng = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(data), generator=rng)
    held, kept = order[: len(data) // HELD_OUT], order[len(data) // HELD_OUT :]
    # what no image teaches cannot be known: images whose class would be held out whole are trained on
    known = torch.isin(labels[held], labels[kept])
    held, kept = held[known], torch.cat([held[~known], kept])
    if not len(held):
        raise ValueError(f"{data.name} has too few images of each class to hold one out: give more")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = Classifier(data.resolution, data.n_classes)
    net = net.to(memory_format=torch.channels_last)
    steps = max(int(epochs * len(kept)) // batch_size, 1)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    started = time.perf_counter()
    for step in range(steps):
        index = kept[torch.randint(len(kept), (batch_size,), generator=rng)]
        loss = F.cross_entropy(net(_moved(data.images(index), rng))[1], labels[index], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 200 == 0:
            report(f"step {step + 1} of {steps}, loss {loss.item():.3f}, {time.perf_counter() - started:.0f} s")
    net.eval()
    with torch.no_grad():
        right = sum(int((net(data.images(part))[1].argmax(1) == labels[part]).sum()) for part in held.split(256))
    about = {"data": data.name, "fingerprint": data.fingerprint, "resolution": data.resolution}
    about |= {
        "n_classes": data.n_classes,
        "images_seen": steps * batch_size,
        "held_out_accuracy": right / len(held),
    }
    return {"net": net, "about": about}


def _moved(images: Tensor, rng: torch.Generator) -> Tensor:
    """Each batch shifted by one offset, each image mirrored or not."""
    side = images.shape[-1] // 8
    padded = F.pad(images, (side,) * 4, mode="reflect")
    y, x = torch.randint(2 * side + 1, (2,), generator=rng).tolist()
    images = padded[:, :, y : y + images.shape[2], x : x + images.shape[3]]
    mirrored = torch.rand(len(images), 1, 1, 1, generator=rng) < 0.5
    return torch.where(mirrored, images.flip(-1), images)


def save(trained: dict[str, Any], path: str | Path) -> str:
    """Write what `train` returned; the first eight digits of the weights' hash come back."""
    net = trained["net"]
    about = json.dumps(trained["about"] | {"sha256": digest(net)})
    weights = {name: value.contiguous() for name, value in net.state_dict().items()}
    with replacing(path) as part:
        torch.save({"about": about, "net": weights}, part)
    return digest(net)[:8]


def load(path: str | Path) -> tuple[Classifier, dict[str, Any]]:
    """The classifier of a file of `save`, and what is known about it; its weights must have the hash they had.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is none of `save`, or its weights have changed.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no domain classifier at {path}: train one with `zoo train-domain`")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        about = json.loads(stored["about"])
        net = Classifier(about["resolution"], about["n_classes"])
        net.load_state_dict(stored["net"])
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} is no file of `zoo train-domain`, or it is damaged ({reason})") from error
    if digest(net) != about["sha256"]:
        raise ValueError(f"the weights in {path} are not those that its sha256 names: copy or train it again")
    return net.eval().requires_grad_(False), about
