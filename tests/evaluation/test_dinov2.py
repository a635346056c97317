"""FD_DINOv2's definition: Pillow's resize, ImageNet's normalisation, Meta's positions, with random weights."""

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.evaluation import dinov2
from zoo.evaluation.extractors import MissingWeights, build, metric_names

timm = pytest.importorskip("timm")
SMALL = "vit_small_patch14_dinov2"


def cubic(x: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -0.5, as Pillow's BICUBIC."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def resizing(old: int, new: int) -> np.ndarray:
    """The matrix (new, old) of Pillow's resize: the kernel is widened where images shrink."""
    scale = old / new
    wide = max(scale, 1.0)
    centres = (np.arange(new) + 0.5) * scale
    weights = cubic((np.arange(old) + 0.5 - centres[:, None]) / wide)
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize("side", [32, 300])
def test_images_are_resized_and_normalised_in_closed_form(side):
    torch.manual_seed(0)
    images = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)
    found = dinov2.prepared(images)
    matrix = resizing(side, 224)
    lines = np.einsum("ncij,xj->ncix", images.numpy().astype(np.float64), matrix).round().clip(0, 255)
    levels = np.einsum("yi,ncix->ncyx", matrix, lines)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = (levels.round().clip(0, 255) / 255 - mean[:, None, None]) / deviation[:, None, None]
    off = np.abs(found.numpy() - expected) * deviation[:, None, None] * 255
    assert off.max() < 1.01  # a value on the edge between two bytes
    assert (off < 0.01).mean() > 0.999
    picture = Image.fromarray(images[0].permute(1, 2, 0).numpy()).resize((224, 224), Image.Resampling.BICUBIC)
    pillow = torch.from_numpy(np.array(picture)).permute(2, 0, 1).double()
    ours = (found[0] * torch.tensor(deviation)[:, None, None] + torch.tensor(mean)[:, None, None]) * 255
    assert (ours - pillow).abs().max() < 2.01
    assert (ours - pillow).abs().mean() < 0.1


@pytest.fixture(scope="module")
def state():
    """Random weights in the layout of Meta's file: positions of 37 x 37 patches, and a mask token."""
    torch.manual_seed(0)
    net = timm.create_model(SMALL, pretrained=False, img_size=518, num_classes=0)
    torch.nn.init.normal_(net.pos_embed, 0, 0.02)
    return dict(net.state_dict()) | {"mask_token": torch.zeros(1, 384)}


def test_features_are_the_normed_class_token(state):
    net = dinov2.DINOv2(state, SMALL)
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    features, logits = net(images)
    assert features.shape == (3, 384)
    assert logits is None
    plain = timm.create_model(SMALL, pretrained=False, img_size=224, num_classes=0, global_pool="token").eval()
    plain.load_state_dict(net.net.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(features, plain(dinov2.prepared(images)))


def test_positions_are_metas(state):
    stored = state["pos_embed"]
    found = dinov2.positions(stored, 16)
    assert found.shape == (1, 257, 384)
    assert torch.equal(found[:, 0], stored[:, 0])
    grid = stored[:, 1:].reshape(1, 37, 37, -1).permute(0, 3, 1, 2)
    # patch (0, 0) lies at 0.5 * 37 / 16.1 - 0.5 of the stored ones, from which cubic interpolation takes 4 x 4
    at = 0.5 * 37 / 16.1 - 0.5
    places = np.arange(-1, 3) + int(np.floor(at))
    x = np.abs(at - places)
    keys = np.where(x < 1, (1.25 * x - 2.25) * x * x + 1, ((-0.75 * x + 3.75) * x - 6) * x + 3)  # a = -0.75
    part = grid[0][:, places.clip(0)][:, :, places.clip(0)].double()
    expected = torch.einsum("dyx,y,x->d", part, *(2 * [torch.from_numpy(keys)]))
    torch.testing.assert_close(found[0, 1].double(), expected, rtol=1e-4, atol=1e-5)
    assert dinov2.positions(found, 16) is found


def test_other_weights_are_refused(state, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="cls_token does not fit"):
        dinov2.DINOv2({k: v for k, v in state.items() if k != "cls_token"}, SMALL)
    monkeypatch.setattr(dinov2, "ARCHITECTURE", SMALL)
    file = tmp_path / "weights.pth"
    torch.save({"pos_embed": torch.zeros(1, 5, 4)}, file)
    with pytest.raises(ValueError, match=r"does not hold DINOv2's weights of ViT-L/14"):
        build(f"dinov2:{file}")


def test_without_the_file_a_sentence_says_which(monkeypatch, tmp_path):
    monkeypatch.delenv("ZOO_DINOV2", raising=False)
    with pytest.raises(MissingWeights, match=r"dinov2_vitl14_pretrain\.pth: set ZOO_DINOV2"):
        build("dinov2")
    monkeypatch.setenv("ZOO_DINOV2", str(tmp_path / "no.pth"))
    with pytest.raises(MissingWeights, match="where ZOO_DINOV2 points"):
        build("dinov2")


def test_its_number_has_a_name_of_its_own():
    assert metric_names("dinov2")["frechet"] == "fd_dinov2"
    assert metric_names("dinov2-vit-l-14")["frechet"] == "fd_dinov2-vit-l-14"
