import pytest
import torch
from evaluation_fakes import Noise

from zoo.evaluation import domain
from zoo.evaluation.evaluate import evaluate
from zoo.evaluation.extractors import build, metric_names
from zoo.leaderboard.ranking import higher


class Bright(Noise):
    """Dark images are class 0, light ones class 1."""

    name, n_classes = "bright", 2

    def __init__(self, n: int = 200) -> None:
        super().__init__(n)
        self.labels = torch.arange(n) % 2
        self.pixels = self.pixels // 4 + (self.labels * 128).to(torch.uint8)[:, None, None, None]


@pytest.fixture(scope="module")
def trained() -> dict:
    return domain.train(Bright(), epochs=4, batch_size=16, report=lambda text: None)


def test_a_classifier_learns_and_comes_back(trained, tmp_path):
    assert trained["about"]["held_out_accuracy"] > 0.9
    short = domain.save(trained, tmp_path / "d.pt")
    net, about = domain.load(tmp_path / "d.pt")
    assert about["sha256"].startswith(short)
    assert about["data"] == "bright"
    images = Bright().pixels[:5]
    torch.testing.assert_close(net(images)[0], trained["net"](images)[0])
    extractor = build(f"domain:{tmp_path / 'd.pt'}")
    assert extractor.name == f"domain:{short}"
    assert metric_names(extractor.name)["frechet"] == f"fd_domain:{short}"
    assert "bright" in extractor.id
    assert extractor(torch.zeros(3, 3, 40, 40, dtype=torch.uint8))[0].shape == (3, 320)


def test_training_is_a_function_of_the_seed_and_leaves_the_global_stream_alone():
    state = torch.get_rng_state()
    one, two, other = [
        domain.digest(domain.train(Bright(60), 1, 16, seed, lambda text: None)["net"]) for seed in (0, 0, 1)
    ]
    assert torch.equal(torch.get_rng_state(), state)
    assert one == two != other


def test_its_distance_sees_what_an_untrained_net_hardly_does(trained, tmp_path, sampler):
    domain.save(trained, tmp_path / "d.pt")
    data, name = Bright(), f"domain:{tmp_path / 'd.pt'}"
    dark = evaluate(lambda n, seed, start: data.pixels[::2][start : start + n], data, name, n_fake=50)["metrics"]
    both = evaluate(lambda n, seed, start: data.pixels[start : start + n], data, name, n_fake=50)["metrics"]
    (key,) = [key for key in both if key.startswith("fd_domain:")]
    assert dark[key] > 3 * both[key]


def test_it_tells_how_many_fakes_show_their_label(trained, tmp_path):
    domain.save(trained, tmp_path / "d.pt")
    data, right = Bright(), 30
    told = torch.where(torch.arange(50) < right, data.labels[:50], 1 - data.labels[:50])

    class Labelled:
        n_classes, G_ema = 2, None

        def indexed_latents(self, n, seed, start, truncation=None):
            return torch.zeros(n, 4), told[start : start + n]

        def sample(self, n, start=0, **options):
            return data.pixels[start : start + n]

    data.batches = lambda *a, **k: iter([(data.pixels, data.labels)])
    name = f"domain:{tmp_path / 'd.pt'}"
    metrics = evaluate(Labelled(), data, name, n_fake=50, kid_subset_size=20)["metrics"]
    (key,) = [key for key in metrics if key.startswith("label_accuracy_domain:")]
    assert metrics[key] == pytest.approx(right / 50, abs=0.05)
    assert higher(key)
    data.n_classes = 3  # of other classes it can say nothing
    metrics = evaluate(Labelled(), data, name, n_fake=50, kid_subset_size=20)["metrics"]
    assert key not in metrics


def test_bad_files_are_told(trained, tmp_path):
    with pytest.raises(FileNotFoundError, match="train one with `zoo train-domain`"):
        build(f"domain:{tmp_path / 'none.pt'}")
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(ValueError, match=r"text\.pt is no file of `zoo train-domain`"):
        build(f"domain:{tmp_path / 'text.pt'}")
    domain.save(trained, tmp_path / "d.pt")
    stored = torch.load(tmp_path / "d.pt", weights_only=True)
    stored["net"]["linear.bias"] += 1
    torch.save(stored, tmp_path / "changed.pt")
    with pytest.raises(ValueError, match="not those that its sha256 names"):
        build(f"domain:{tmp_path / 'changed.pt'}")
    with pytest.raises(ValueError, match="say which classifier"):
        build("domain")
    with pytest.raises(ValueError, match="bright has 19 images, too few to hold one out: give 20"):
        domain.train(Bright(19))
    with pytest.raises(ValueError, match="noise has no labels"):
        domain.train(Noise())


def test_one_class_is_refused_before_training():
    data = Bright(40)
    data.labels = torch.ones(40, dtype=torch.int64)
    with pytest.raises(ValueError, match="all images of bright are of one class"):
        domain.train(data)


def test_what_no_image_teaches_is_not_asked_for():
    """Of 40 images two are held out; a class that they alone have is trained on instead."""
    data = Bright(40)
    held = torch.randperm(40, generator=torch.Generator().manual_seed(0))[:2]
    data.n_classes, data.labels[held[0]] = 3, 2
    about = domain.train(data, epochs=1, batch_size=4, report=lambda text: None)["about"]
    assert about["held_out_accuracy"] in (0, 1)
    data.labels = torch.arange(40)
    data.n_classes = 40
    with pytest.raises(ValueError, match="too few images of each class"):
        domain.train(data)
