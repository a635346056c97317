"""The semi-supervised classifiers: shapes, first-batch start, which labels are seen, augmentation, Adam's form."""

import pytest
import torch

from zoo.data.augmentation import crop_and_flip
from zoo.data.few import few
from zoo.engine.optim import AdamEpsilonInRoot
from zoo.networks import ctgan_ssl as networks
from zoo.papers.ctgan_ssl import CTGAN_SSL

PAIRS = {
    "mnist": (networks.MNISTGenerator(6, 5), networks.MNISTClassifier(3, 8), (1, 28, 28), 2, (0, 1)),
    "cifar": (networks.CIFARGenerator(2, 5), networks.CIFARClassifier(3, 4), (3, 32, 32), 4, (-1, 1)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_shapes_and_ranges(name):
    G, D, shape, n_features, (low, high) = PAIRS[name]
    images = G(torch.rand(4, 5))
    assert images.shape == (4, *shape)
    assert low <= images.min() < images.max() <= high
    D.eval().start(images)
    features, logits = D.classify(images)
    assert features.shape == (4, n_features)
    assert logits.shape == (4, 3)
    torch.testing.assert_close(D(images), logits.logsumexp(1))
    assert torch.equal(D(images), D(images))  # no noise outside training
    assert not torch.equal(D.train()(images), D(images))


@pytest.mark.parametrize("name", PAIRS)
def test_the_first_batch_sets_every_layer_to_mean_0_and_deviation_1(name):
    _, D, shape, _, _ = PAIRS[name]
    D, x, seen = D.eval(), torch.rand(64, *shape), []
    D.start(x)
    layers = [m for m in D.modules() if hasattr(m, "parametrizations")]
    hooks = [m.register_forward_hook(lambda m, i, out: seen.append(out)) for m in layers]
    D.classify(x)
    for hook in hooks:
        hook.remove()
    assert len(seen) == len(layers)
    for layer, out in zip(layers, seen, strict=True):
        wanted = D.head_deviation if layer is D.head else 1
        dims = [d for d in range(out.ndim) if d != 1]
        std, mean = torch.std_mean(out, dims, correction=0)
        torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-4, rtol=0)
        assert ((std / wanted - 1).abs() < 1e-3).float().mean() > 0.5  # a dead unit stays as it is
    trained = [m.parametrizations.weight.original0.requires_grad for m in layers]
    assert trained == [False] * (len(layers) - 1) + [True]


def test_cifars_first_logits_and_pictures_are_quiet():
    """Deviation 0.1 of D's logits and of G's last layer before its tanh (CT_CIFAR.py:76, 93)."""
    G, D, *_ = PAIRS["cifar"]
    assert (D.head_deviation, PAIRS["mnist"][1].head_deviation) == (0.1, 1)
    z = torch.rand(64, 5)
    G.start(z)
    before_tanh = G(z).atanh()
    std, mean = torch.std_mean(before_tanh, (0, 2, 3), correction=0)
    torch.testing.assert_close(mean, torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(std, torch.full((3,), 0.1), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", PAIRS)
def test_batch_norms_of_g_have_a_bias_and_no_gain(name):
    norms = [m for m in PAIRS[name][0].modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    assert len(norms) == {"mnist": 2, "cifar": 3}[name]
    assert all(m.weight is None and m.bias is None and m.eps == 1e-6 for m in norms)


def test_few_labels_are_balanced_and_named_by_the_seed():
    labels = torch.arange(100) % 5
    chosen = few(labels, 3, seed=0)
    assert torch.equal(labels[chosen].bincount(), torch.full((5,), 3))
    assert torch.equal(chosen, few(labels, 3, seed=0))
    assert not torch.equal(chosen, few(labels, 3, seed=1))
    with pytest.raises(ValueError, match="fewer than 21 images"):
        few(labels, 21, seed=0)


def test_crops_are_windows_of_the_reflected_image():
    torch.manual_seed(0)
    x = torch.randn(20, 3, 8, 8)
    padded = torch.nn.functional.pad(x, (2,) * 4, mode="reflect")
    for image, source in zip(crop_and_flip(x), padded, strict=True):
        windows = [source[:, i : i + 8, j : j + 8] for i in range(5) for j in range(5)]
        assert any(torch.equal(image, w) or torch.equal(image, w.flip(-1)) for w in windows)


def test_adam_with_eps_under_the_root_by_hand():
    p = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer, m, v, expected = AdamEpsilonInRoot([p], 0.1, (0.5, 0.9), eps=1e-2), 0, 0, p.detach().clone()
    for t, grad in enumerate((torch.tensor([0.3, -0.01]), torch.tensor([-0.2, 0.0])), 1):
        p.grad = grad.double()
        optimizer.step()
        m, v = 0.5 * m + 0.5 * grad.double(), 0.9 * v + 0.1 * grad.double() ** 2
        expected -= 0.1 * (m / (1 - 0.5**t)) / (v / (1 - 0.9**t) + 1e-2).sqrt()
    torch.testing.assert_close(p.detach(), expected)


class Data:
    """What `own_metrics` asks of a data module: test images, here brighter for the second class."""

    name = "two shades"

    def __init__(self, labelled: bool = True) -> None:
        self.labelled = labelled

    def test_images(self):
        from zoo.data import Images

        labels = torch.tensor([0, 1, 1, 0])
        pixels = (labels * 255).to(torch.uint8)[:, None, None, None].expand(4, 3, 28, 28).contiguous()
        return Images(None, 4, "", labels if self.labelled else None, pixels)


def test_accuracy_counts_test_images_and_says_when_there_are_none():
    torch.manual_seed(0)
    gan = CTGAN_SSL(resolution=28, n_classes=2, width_g=4, width_d=8, latent_dim=4, batch_size=4)
    gan.D_average.load_state_dict(gan.D.state_dict())
    scores = gan.own_metrics(Data())
    assert scores["test_accuracy"] == scores["test_accuracy_last"]
    assert scores["test_accuracy"] in (0, 25, 50, 75, 100)
    assert "two shades has no test images" in gan.own_metrics(Data(labelled=False))["test_accuracy"]
    assert gan.D.training
    assert gan.sample(3).shape == (3, 3, 28, 28)
    assert gan.latents(1000).min() >= 0
    assert 0.4 < gan.latents(1000).mean() < 0.6
