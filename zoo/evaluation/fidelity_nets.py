"""torch-fidelity's extractors beside its Inception: VGG16, CLIP and DINOv2, by their names there."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from zoo.evaluation.extractors import Extractor, MissingWeights


class _FirstFeature(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> tuple[Tensor, None]:
        return self.net(images)[0], None


# sha256 of the published files, or its first digits; of DINOv2's none is published with torch-fidelity
_VGG16_SHA256 = "397923af"


def names() -> list[str]:
    """Names of torch-fidelity's extractors beside its Inception."""
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

    return sorted(set(FEATURE_EXTRACTORS_REGISTRY) - {"inception-v3-compat"})


def build(name: str, file: str) -> Extractor:
    """The extractor called `name`, with the weights in `file` or, for "", in torch hub's cache or a download.

    Raises:
        MissingWeights: if they cannot be had.
        ValueError: if the file does not hold them, or must be the published one and is not.
    """
    from torch_fidelity.feature_extractor_clip import MODEL_METADATA
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

    expected = MODEL_METADATA[name]["hash"] if name in MODEL_METADATA else _VGG16_SHA256 if name == "vgg16" else ""
    genuine = True
    if file:
        if not Path(file).is_file():
            raise MissingWeights(f"there is no file {file} with the weights of {name}")
        if not expected:
            raise ValueError(f"{name} takes its weights from torch hub's cache alone, not from a file")
        genuine = hashlib.sha256(Path(file).read_bytes()).hexdigest().startswith(expected)
        if name in MODEL_METADATA and not genuine:  # a TorchScript archive is code: only the published one is run
            raise ValueError(f"{file} is not the published file of {name}, whose sha256 is {expected}")
    kind = FEATURE_EXTRACTORS_REGISTRY[name]
    try:
        if file and name == "vgg16":
            torch.load(file, map_location="cpu", weights_only=True)  # torch-fidelity would unpickle anything
        net = kind(
            name, [kind.get_default_feature_layer_for_metric("fid")], feature_extractor_weights_path=file or None
        )
    except Exception as error:
        reason = str(error).partition("\n")[0]
        if file:
            raise ValueError(f"{file} does not hold torch-fidelity's weights of {name} ({reason})") from error
        raise MissingWeights(
            f"no weights of {name} here and the download failed ({reason}): put the file into torch hub's cache, "
            f"or name it as {name}:FILE"
        ) from error
    net = _FirstFeature(net.eval())
    digest = hashlib.sha256(b"".join(v.cpu().contiguous().numpy().tobytes() for v in net.state_dict().values()))
    size = getattr(net.net, "resolution", None) or net.net.INPUT_IMAGE_SIZE
    return Extractor(
        name=name if genuine else f"{name}_other",
        id=f"{name}{'' if genuine else '-other'}:{digest.hexdigest()[:8]}",
        resize=f"{size}x{size} bilinear, TF1 legacy (torch-fidelity)",
        net=net,
    )
