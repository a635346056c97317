"""Modes of stacked MNIST: which of the 1,000 numbers of three digits a generator makes, by a digit classifier.

The classifier is trained here, once a machine, on MNIST's 60,000 digits; its accuracy on the 10,000 test digits is
part of the row. Counting as tkarras/progressive_growing_of_gans, branch original-theano-version @ 1a05598 ("TH"),
train.py:627-646.
"""

import contextlib
import hashlib
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.data.torchvision_sets import StackedMNIST
from zoo.data.whole import replacing
from zoo.evaluation.distributed import rank_and_world
from zoo.evaluation.reference import cache_root
from zoo.evaluation.subject import Subject

N_MODES, N_SAMPLES = 1000, 25_600  # TH train.py:627-646


class Digits(nn.Sequential):
    """Logits (N, 10) of digits (N, 1, R, R) in [0, 1]: three 3x3 convolutions of stride 2, then their mean."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for i, o in ((1, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(i, o, 3, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
        super().__init__(*layers, nn.Flatten(), nn.LazyLinear(10))


def train(pixels: Tensor, labels: Tensor, epochs: int = 2, batch_size: int = 128, seed: int = 0) -> Digits:
    """A classifier of digits (N, 1, R, R) uint8 with classes (N,): AdamW, a one-cycle rate, no augmentation."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        net = Digits()
        net(pixels[:2].float() / 255)  # sizes of the last layer
        steps = max(epochs * len(pixels) // batch_size, 1)
        optimizer = torch.optim.AdamW(net.parameters())  # the schedule sets its rate
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
        for _ in range(steps):
            index = torch.randint(len(pixels), (batch_size,))
            loss = F.cross_entropy(net(pixels[index].float() / 255), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval().requires_grad_(False)


@torch.no_grad()
def classes(net: nn.Module, pixels: Tensor) -> Tensor:
    """Class (N,) of digits (N, 1, R, R) uint8."""
    return torch.cat([net(part.float() / 255).argmax(1) for part in pixels.split(1024)])


def classifier(data: StackedMNIST) -> tuple[nn.Module, float]:
    """The classifier for the digits of `data`, from the cache if it is there, and its accuracy on test digits."""
    pixels, labels = data.digits()
    pixels = pixels[:, :1].contiguous()
    digest = hashlib.sha256(pixels.numpy()).hexdigest()[:16]
    file = cache_root() / f"digits-{digest}.pt"
    with contextlib.suppress(
        Exception
    ):  # whatever a file that is not there, or damaged, raises: it is trained anew
        stored = torch.load(file, map_location="cpu", weights_only=True)
        net = Digits()
        net(pixels[:2].float() / 255)
        net.load_state_dict(stored["net"])
        return net.eval().requires_grad_(False), stored["accuracy"]
    net = train(pixels, labels)
    test = StackedMNIST(data.paths[0], data.full_resolution, split="test", download=data.download)
    digits, truth = test.digits()
    accuracy = (classes(net, digits[:, :1]) == truth).double().mean().item()
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as part:
        torch.save({"net": net.state_dict(), "accuracy": accuracy}, part)
    return net, accuracy


def counted(numbers: Tensor) -> dict[str, float]:
    """`modes`: how many of the numbers 0..999 occur; `modes_kl`: KL in nats of their shares q from even ones, over
    those that occur, sum q log(1000 q): 0 for a perfect spread, log(1000) = 6.91 for a single mode."""
    share = torch.bincount(numbers, minlength=N_MODES).double() / len(numbers)
    share = share[share > 0]
    return {"modes": len(share), "modes_kl": (share * (share * N_MODES).log()).sum().item()}


def modes(subject: Subject) -> dict[str, float]:
    """`counted` over 25,600 samples, or as many as there are, and `digit_accuracy` of the classifier.

    What a growing model makes below the digits' resolution is shown to the classifier by repeated pixels.

    Raises:
        ValueError: for data other than stacked MNIST.
    """
    if not isinstance(subject.data, StackedMNIST):
        raise ValueError("modes are counted on stacked MNIST alone: --data StackedMNIST")
    if rank_and_world()[0]:
        return {}
    net, accuracy = classifier(subject.data)
    numbers = []
    for images in subject.all_fakes(min(N_SAMPLES, subject.n_fake)):
        n, _, side, _ = images.shape
        times = subject.data.full_resolution // side
        images = images.cpu().repeat_interleave(times, 2).repeat_interleave(times, 3)
        digits = classes(net, images.reshape(3 * n, 1, side * times, side * times)).view(n, 3)
        numbers.append((digits * torch.tensor([100, 10, 1])).sum(1))
    found = counted(torch.cat(numbers))
    assert found["modes_kl"] <= math.log(N_MODES) + 1e-9
    return found | {"digit_accuracy": accuracy}
