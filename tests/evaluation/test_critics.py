"""Measures of discriminators and of modes on planted cases with known answers."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from zoo.data import Drawn, StackedMNIST
from zoo.data.stage import Stage
from zoo.evaluation import modes as modes_of
from zoo.evaluation.critics import effective_rank, information, judgement, sigmas, spectra
from zoo.evaluation.modes import Digits, classes, counted, train
from zoo.evaluation.subject import Subject


class Planted(nn.Module):
    """D(x) = scale times the mean of x: white is real, black is fake."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.scale * x.mean((1, 2, 3))


class Model(nn.Module):
    n_classes, device, stage = 0, torch.device("cpu"), Stage(8, 4)

    def __init__(self, D: nn.Module, fake: float) -> None:
        super().__init__()
        self.D, self.fake = D, fake

    def to_native(self, x: Tensor) -> Tensor:
        return x

    def sample(self, n: int, **_) -> Tensor:
        return torch.full((n, 3, 8, 8), self.fake)


class White:
    """Ten white images to train on, and ten grey ones held out."""

    def __len__(self) -> int:
        return 10

    def images(self, index: Tensor) -> Tensor:
        return torch.full((len(index), 3, 8, 8), 255, dtype=torch.uint8)

    def batches(self, size: int, limit: int | None = None, **_):
        yield self.images(torch.arange(limit or 10)), None

    def held_out(self):
        class Grey:
            def __len__(self) -> int:
                return 10

            def __getitem__(self, index):
                return torch.full((len(index), 3, 8, 8), 127, dtype=torch.uint8), None

        return Grey()


def test_judgement_of_a_discriminator_that_reads_brightness():
    found = judgement(Subject(Model(Planted(4.0), -1.0), White(), n_fake=10))
    assert found["d_accuracy"] == 1
    assert found["d_margin"] == pytest.approx(8)  # 4 on white, -4 on black
    assert found["d_slope"] == pytest.approx(4 / math.sqrt(3 * 8 * 8))  # a gradient of 4 / 192 in 192 places
    assert found["d_gap"] == pytest.approx(4 + 4 / 255, abs=1e-4)
    assert found["d_overfit"] == pytest.approx(0.5, abs=1e-2)
    assert judgement(Subject(Model(Planted(0.0), -1.0), White(), n_fake=10))["d_overfit"] == 0
    with pytest.raises(ValueError, match="bottleneck"):
        information(Subject(Model(Planted(1.0), -1.0), White(), n_fake=10))


def test_effective_rank_in_closed_form():
    assert effective_rank(torch.ones(7)) == pytest.approx(1)
    assert effective_rank(torch.tensor([3.0, 0, 0, 0])) == pytest.approx(0.25)
    assert effective_rank(torch.tensor([1.0, 1, 0, 0])) == pytest.approx(0.5)
    assert effective_rank(5 * torch.tensor([3.0, 2, 1])) == pytest.approx(effective_rank(torch.tensor([3.0, 2, 1])))


def test_spectra_of_known_weights_whatever_their_scale():
    D = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.Linear(5, 2), nn.Linear(9, 1))
    with torch.no_grad():
        D[0].weight.copy_(torch.eye(4, 3).view(4, 3, 1, 1) * 7)
        D[1].weight.copy_(torch.tensor([[2.0, 0, 0, 0, 0], [0, 1.0, 0, 0, 0]]))
    found = spectra(Subject(Model(D, 0.0), White(), n_fake=10))
    assert found["sv_rank_0"] == pytest.approx(1)
    assert found["sv_1_0.0"] == 1
    assert found["sv_1_1.0"] == pytest.approx(0.25)
    assert "sv_rank_2" not in found  # one output unit has one singular value
    assert found["sv_rank"] == pytest.approx((found["sv_rank_0"] + found["sv_rank_1"]) / 2)


def test_sigmas_are_the_largest_singular_values_of_both_networks():
    gan = Model(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), 0.0)
    gan.G = nn.Sequential(nn.Conv2d(2, 2, 1))
    with torch.no_grad():
        gan.D[0].weight.copy_(torch.tensor([[0.0, 3, 0], [2, 0, 0]]))
        gan.G[0].weight.copy_(torch.tensor([[5.0, 0], [0, 7]])[..., None, None])
    assert sigmas(Subject(gan, White(), n_fake=10)) == pytest.approx({"sigma_g_0": 7, "sigma_d_0": 3})
    gan.D[0].weight.data[0, 0] = math.nan
    with pytest.raises(ValueError, match="the weight 0 of D is not finite"):
        sigmas(Subject(gan, White(), n_fake=10))


class Bottleneck(nn.Module):
    """KL of 3 + brightness nats at each of four positions."""

    def logits_and_kl(self, x: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor]:
        level = x.mean((1, 2, 3))
        return level, (3 + level)[:, None].expand(-1, 4)


def test_information_of_a_discriminator_that_tells_brightness():
    gan = Model(Bottleneck(), -1.0)
    gan.beta = 0.5
    kl = (4 + 2) / 2  # white images, black fakes
    expected = {"kl": kl, "bits": 4 * kl / math.log(2), "beta": 0.5}
    assert information(Subject(gan, White(), n_fake=10)) == pytest.approx(expected)


def test_modes_in_closed_form():
    assert counted(torch.arange(1000)) == {"modes": 1000, "modes_kl": pytest.approx(0, abs=1e-9)}
    assert counted(torch.full((50,), 7)) == {"modes": 1, "modes_kl": pytest.approx(math.log(1000))}
    assert counted(torch.arange(500).repeat(3))["modes_kl"] == pytest.approx(math.log(2))


def test_a_digit_classifier_learns_what_differs():
    labels = torch.arange(10).repeat(30)
    pixels = torch.zeros(300, 1, 16, 16, dtype=torch.uint8)
    for i, c in enumerate(labels.tolist()):
        pixels[i, 0, c, :] = 200 + i % 50
    net = train(pixels, labels, epochs=60, batch_size=50)
    assert isinstance(net, Digits)
    assert (classes(net, pixels) == labels).double().mean() > 0.9


def test_a_sample_s_number_is_read_from_its_three_colours(monkeypatch):
    """Digit c is a picture of the number 10 c, which the classifier reads."""
    pixels = torch.arange(10, dtype=torch.uint8).view(10, 1, 1).expand(10, 28, 28) * 10
    stand_in = SimpleNamespace(data=pixels, targets=torch.arange(10))
    monkeypatch.setattr(StackedMNIST, "fetch", lambda self, download: stand_in)
    read = lambda x: -(x[:, 0, 16, 16, None] * 25.5 - torch.arange(10)).abs()  # noqa: E731
    monkeypatch.setattr(modes_of, "classifier", lambda data: (read, 0.9))
    data = StackedMNIST(resolution=32, n_images=300, seed=0)
    subject = Subject(lambda n, seed, start: data.images(torch.arange(start, start + n)), data, n_fake=300)
    assert modes_of.modes(subject) == counted(data.labels) | {"digit_accuracy": 0.9}


def test_a_growing_model_s_smaller_images_are_told_by_repeated_pixels(monkeypatch):
    """On the way it makes 4 to 16 px, and the classifier knows digits of 32."""
    pixels = torch.arange(10, dtype=torch.uint8).view(10, 1, 1).expand(10, 28, 28) * 10
    stand_in = SimpleNamespace(data=pixels, targets=torch.arange(10))
    monkeypatch.setattr(StackedMNIST, "fetch", lambda self, download: stand_in)
    data = StackedMNIST(resolution=32, n_images=30, seed=0)
    small = torch.randint(0, 256, (30, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    net = modes_of.Digits()
    net(torch.zeros(2, 1, 32, 32))
    monkeypatch.setattr(modes_of, "classifier", lambda _: (net.eval(), 0.9))
    found = []
    for images in (small.repeat_interleave(2, 2).repeat_interleave(2, 3), small):
        data.enter(Stage(images.shape[-1], 16))
        found.append(
            modes_of.modes(Subject(lambda n, seed, start, x=images: x[start : start + n], data, n_fake=30))
        )
    assert found[0] == found[1]


def test_a_torn_classifier_in_the_cache_is_trained_anew(monkeypatch, tmp_path):
    pixels = torch.arange(10, dtype=torch.uint8).view(10, 1, 1).expand(10, 28, 28) * 10
    stand_in = SimpleNamespace(data=pixels, targets=torch.arange(10))
    monkeypatch.setattr(StackedMNIST, "fetch", lambda self, download: stand_in)
    monkeypatch.setattr(modes_of, "cache_root", lambda: tmp_path)
    data = StackedMNIST(resolution=32, n_images=30, seed=0)
    net, accuracy = modes_of.classifier(data)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for torn in (b"", whole[:100], whole[: len(whole) // 2], b"no file of ours"):
        file.write_bytes(torn)
        again, its_own = modes_of.classifier(data)
        assert its_own == accuracy
        assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
        assert list(tmp_path.iterdir()) == [file]
    monkeypatch.setattr(modes_of, "train", lambda *_: pytest.fail("the cached one is whole"))
    assert modes_of.classifier(data)[1] == accuracy


def test_images_alone_have_no_discriminator():
    images = Subject(lambda n, seed, start: torch.zeros(n, 3, 8, 8, dtype=torch.uint8), White(), n_fake=10)
    for extra in (judgement, spectra, information, sigmas):
        with pytest.raises(ValueError, match=r"a discriminator|networks G and D"):
            extra(images)


def test_other_data_have_no_such_modes():
    with pytest.raises(ValueError, match="stacked MNIST"):
        modes_of.modes(Subject(Model(Planted(1.0), 0.0), Drawn(resolution=8, n_images=4, seed=0), n_fake=4))
