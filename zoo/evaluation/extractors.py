"""Feature extractors. The 2015 Inception gives FID, IS and KID; no other network's numbers carry those names.

Without a network, put torch-fidelity's file of the weights anywhere and name it in two words:
`export ZOO_INCEPTION=/path/to/weights-inception-2015-12-05-6726825d.pth`, or `--evaluation.weights FILE`.
"""

import hashlib
import math
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

# First digits of the sha256 of weights-inception-2015-12-05-6726825d.pth: torch-fidelity's conversion of the
# TensorFlow graph that the FID of the literature is defined with.
INCEPTION_SHA256 = "6726825d"


#: what every row is scored with: the literature's network where its weights can be had, one that a package brings,
#: and one without training
DEFAULT = ("inception", "efficientnet-lite0", "random")


class MissingWeights(FileNotFoundError):
    """The weights of an extractor are neither on this machine nor to be had from it."""


@dataclass(frozen=True)
class Extractor:
    """A frozen network from images to features.

    Attributes:
        name: what metrics are named after: `inception`, `random`, `domain:1a2b3c4d`, a name of torch-fidelity's, or
            one of these with `_other` behind it where the weights are not the published ones.
        id: the name with a hash of the weights; equal ids give equal numbers.
        resize: how images reach the network's input size, in words.
        net: module from uint8 (N, 3, H, W) to (features, logits or None).
    """

    name: str
    id: str
    resize: str
    net: nn.Module

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features (N, D) and logits (N, K) or None, float32, of uint8 images (N, 3, H, W) on any device.

        Raises:
            ValueError: for anything but a uint8 RGB batch.
        """
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"extractors take uint8 (N, 3, H, W), not {images.dtype} {tuple(images.shape)}")
        self.net.to(images.device)
        with _full_precision(images.device):
            return self.net(images)


def metric_names(extractor: str) -> dict[str, str]:
    """Names of the metrics over `extractor`, keyed by what is computed.

    Only `inception`, the network the literature's numbers are defined by, gives `fid`, `kid` and the scores.
    """
    sets = ("precision", "recall", "density", "coverage")
    if extractor == "inception":
        scores = {key: key for key in ("is_mean", "is_std", "kid", "is_1", *sets)}
        return {"frechet": "fid", "infinity": "fid_inf"} | scores | {"intra": "intra_fid"}
    names = {"frechet": f"fd_{extractor}", "infinity": f"fdinf_{extractor}", "kid": f"kid_{extractor}"}
    if extractor.startswith("domain:"):
        names["labels"] = f"label_accuracy_{extractor}"
    return names | {key: f"{key}_{extractor}" for key in sets} | {"intra": f"intra_fd_{extractor}"}


def headline_names(extractor: str) -> list[str]:
    """The metrics that a row misses when `extractor` cannot be had; the others go without saying."""
    names = metric_names(extractor)
    return [names[key] for key in ("frechet", "is_mean", "is_std", "kid") if key in names]


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Neither autocast nor TF32: both move features in the third digit, and FID with them."""
    with torch.autocast(device.type, enabled=False):
        if device.type != "cuda":
            yield
            return
        precision = torch.get_float32_matmul_precision()
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            torch.set_float32_matmul_precision("highest")
            try:
                yield
            finally:
                torch.set_float32_matmul_precision(precision)


def build(name: str, weights: str | Path | None = None) -> Extractor:
    """The extractor called `name`, on the CPU.

    Args:
        name: `inception`, `efficientnet-lite0`, `dinov2`, `random`, `domain:FILE` (of `zoo train-domain`) or
            one of torch-fidelity's: vgg16, clip-vit-b-32, dinov2-vit-b-14, ... `NAME:FILE` takes weights from a
            file.
        weights: file of the Inception weights; default the environment's `ZOO_INCEPTION`, then torch hub's
            cache, then a download.

    Raises:
        MissingWeights: if the weights cannot be had.
        ValueError: for an unknown name or a file that does not hold the weights.
    """
    name, _, file = name.partition(":")
    if name == "inception":
        return _inception(file or weights)
    if name == "random" and not file:
        return _random()
    if name == "efficientnet-lite0" and not file:
        from zoo.evaluation import efficientnet

        return efficientnet.build()
    if name == "dinov2":
        from zoo.evaluation import dinov2

        return dinov2.build(file)
    if name == "domain":
        return _domain(file)
    from zoo.evaluation import fidelity_nets

    if name in (known := fidelity_nets.names()):
        return fidelity_nets.build(name, file)
    raise ValueError(
        f"no extractor is called {name!r}: choose inception, efficientnet-lite0, dinov2, random, domain:FILE or "
        f"{', '.join(known)}"
    )


def check_name(name: str, weights: str | Path | None = None) -> None:
    """Refuse an extractor that `build` would refuse; a file that is named is read, nothing is downloaded.

    Raises:
        ValueError, OSError: as `build`.
    """
    kind, _, file = name.partition(":")
    if file or (kind == "inception" and (weights or os.environ.get("ZOO_INCEPTION"))):
        build(name, weights)
        return
    if kind == "efficientnet-lite0":
        from zoo.evaluation import efficientnet

        with suppress(MissingWeights):  # told when it is built
            efficientnet.weights()
        return
    if kind not in ("inception", "random"):
        from zoo.evaluation import fidelity_nets

        if kind == "domain" or kind not in fidelity_nets.names():
            build(name)


# ---- Inception


class _Inception(nn.Module):
    def __init__(self, path: Path) -> None:
        super().__init__()
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        self.net = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(path)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self.net(images)


def _inception(weights: str | Path | None) -> Extractor:
    path, source = (
        (weights, "the weights option") if weights else (os.environ.get("ZOO_INCEPTION"), "ZOO_INCEPTION")
    )
    if path:
        path = Path(path).expanduser()
        if not path.is_file():
            raise MissingWeights(f"there is no Inception weights file {path.name} where {source} points")
    else:
        path = _cached_inception()

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        # torch-fidelity unpickles without restriction: let only a file of plain tensors through to it
        torch.load(path, map_location="cpu", weights_only=True)
        net = _Inception(path)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} does not hold torch-fidelity's Inception weights ({reason})") from error
    genuine = digest.startswith(INCEPTION_SHA256)
    return Extractor(
        name="inception" if genuine else "inception_other",
        id=f"inception-{'2015-12-05' if genuine else 'other'}:{digest[:8]}",
        resize="299x299 bilinear, TF1 legacy (torch-fidelity)",
        net=net,
    )


def _cached_inception() -> Path:
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(URL_INCEPTION_V3).name
    if not path.is_file():
        try:
            _download(URL_INCEPTION_V3, path)
        except (OSError, RuntimeError) as error:  # no network, no such file, no room; a wrong hash
            raise MissingWeights(
                f"no Inception weights here and the download failed ({error}): fetch {URL_INCEPTION_V3} "
                "elsewhere and set ZOO_INCEPTION to the file"
            ) from error
    return path


def _download(url: str, path: Path) -> None:
    """Fetch `url` to `path`, checked against the hash; a silent network is given up after ten seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(10)
    try:
        torch.hub.download_url_to_file(url, str(path), hash_prefix=INCEPTION_SHA256, progress=sys.stderr.isatty())
    finally:
        socket.setdefaulttimeout(timeout)


# ---- random


class _Random(nn.Module):
    """Four strided convolutions, never trained; features are spatial means and deviations of their outputs.

    Weights come from numpy's frozen legacy generator, whose uniform numbers are the same on every platform
    and in every version, so that the hash in the extractor's id is too.
    """

    WIDTHS, SLOPE, SEED = (32, 64, 96, 128), 0.2, 20140610

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.RandomState(self.SEED)
        gain = math.sqrt(2 / (1 + self.SLOPE**2))

        def uniform(*shape: int, bound: float) -> Tensor:
            return torch.from_numpy(rng.uniform(-bound, bound, shape).astype(np.float32))

        width, self.weights, self.biases = 3, nn.ParameterList(), nn.ParameterList()
        for out in self.WIDTHS:
            weight = uniform(out, width, 3, 3, bound=gain * math.sqrt(3 / (9 * width)))
            self.weights.append(nn.Parameter(weight, requires_grad=False))
            self.biases.append(nn.Parameter(uniform(out, bound=0.2), requires_grad=False))
            width = out

    def maps(self, images: Tensor) -> Iterator[Tensor]:
        """Output of each layer for images in [0, 255]."""
        x = (images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            x = F.leaky_relu(F.conv2d(x, weight, bias, stride=2, padding=1), self.SLOPE)
            yield x

    def forward(self, images: Tensor) -> tuple[Tensor, None]:
        """(N, 512) features of uint8 images of any size from 8 pixels on."""
        features = []
        for x in self.maps(images):
            variance, mean = torch.var_mean(x, (2, 3), correction=0)
            features += [mean, variance.sqrt()]
        return torch.cat(features[:-1], 1), None  # at 8-16 px the last map is one pixel and has no deviation


def _random() -> Extractor:
    net = _Random()
    digest = hashlib.sha256(b"".join(p.numpy().tobytes() for p in net.parameters())).hexdigest()
    return Extractor("random", f"random-v1:{digest[:8]}", "none, images at their own size", net.eval())


# ---- a classifier of our own


def _domain(file: str) -> Extractor:
    from zoo.evaluation import domain

    if not file:
        raise ValueError("say which classifier, as domain:FILE: `zoo train-domain` makes one")
    net, about = domain.load(file)
    size = f"{about['resolution']}x{about['resolution']} bilinear, antialiased, where images are of another size"
    return Extractor(
        name=f"domain:{about['sha256'][:8]}",
        id=f"domain of {about['data']} ({100 * about['held_out_accuracy']:.1f} % right):{about['sha256'][:8]}",
        resize=size,
        net=net,
    )
