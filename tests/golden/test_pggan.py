"""PGGAN against the authors' code: layers, networks, losses, steps, schedules, data and metrics."""

import copy
import math

import pytest
import torch
from fitting import fit
from growth import check_table, check_trace
from torch import Tensor
from vectors import Vectors, close, files, only

from zoo.data import to_float
from zoo.data.images import box_down
from zoo.data.stage import Stage
from zoo.engine.schedules import ProgressiveSchedule
from zoo.evaluation import ms_ssim, swd
from zoo.networks import pggan as networks
from zoo.networks import progressive as layers
from zoo.objectives.penalties import input_gradient
from zoo.official import pggan as official
from zoo.papers.pggan import PGGAN
from zoo.preparation import pixels
from zoo.preparation.tfrecords import TFRecords

#: config.py:99-103 of the authors' TensorFlow release
PRESETS = {
    "v1-1gpu": {
        "train_kimg": 800,
        "transition_kimg": 800,
        "batch_size": 16,
        "batch_size_at": {256: 14, 512: 6, 1024: 3},
    },
    "v2-1gpu": {
        "batch_size": 4,
        "batch_size_at": {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4},
        "lr_at": {1024: 0.0015},
    },
    "v2-2gpus": {
        "batch_size": 8,
        "batch_size_at": {4: 256, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8},
        "lr_at": {512: 0.0015, 1024: 0.002},
    },
    "v2-4gpus": {
        "batch_size": 16,
        "batch_size_at": {4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16},
        "lr_at": {256: 0.0015, 512: 0.002, 1024: 0.003},
    },
    "v2-8gpus": {
        "batch_size": 32,
        "batch_size_at": {4: 512, 8: 256, 16: 128, 32: 64, 64: 32},
        "lr_at": {128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003},
    },
}
PRESETS["rule-check"] = PRESETS["v2-8gpus"]


def preset(row: dict) -> ProgressiveSchedule:
    return ProgressiveSchedule(
        int(float(row["dataset_resolution"])),
        **PRESETS[row["preset"]],
        num_gpus=int(float(row["num_gpus"])),
        max_per_gpu={256: 16, 512: 8, 1024: 4},
    )


@pytest.mark.parametrize("path", files("pggan-schedule.*"))
def test_schedule(path):
    check_table(path, preset)


@pytest.mark.parametrize("path", files("pggan-schedule-trace*.csv"))
def test_growing_loop(path):
    check_trace(path, preset)


NAMES = {"label_size": "n_classes", "fmap_base": "fmap_base", "fmap_max": "fmap_max", "fmap_decay": "fmap_decay"}
NAMES |= {"resolution": "resolution", "latent_size": "latent_dim"}
NAMES |= {"fused_scale": "fused", "mbstd_group_size": "stddev_group", "use_wscale": "equalized"}
NAMES |= {"use_pixelnorm": "normalize"}


def arguments(about: dict, of: str) -> dict:
    """Our names for the official constructor's; what has none here makes no difference, or is always as stated."""
    only(about, normalize_latents=True, use_leakyrelu=True, pixelnorm_epsilon=1e-8)
    other = {"G": {"fused_scale", "mbstd_group_size"}, "D": {"latent_size", "use_pixelnorm"}}[of]
    found = {NAMES[k]: v for k, v in about.items() if k in NAMES and k not in other and v is not None}
    if found.get("stddev_group", 4) <= 1:  # then there is no such layer
        found["stddev_group"] = 0
    return found


def build(v: Vectors) -> tuple[networks.Generator, networks.Discriminator]:
    """G and D in float64, with the file's weights."""
    about = v.meta["constructor"]
    g, d = arguments(about["G"], "G"), arguments(about["D"], "D")
    g["latent_dim"] = v.arrays["param/G/4x4/Dense/weight"].shape[0] - g.get("n_classes", 0)
    G = networks.Generator(**g, channels=len(v["param/G/ToRGB_lod0/bias"]))
    D = networks.Discriminator(**d, channels=v["param/D/FromRGB_lod0/weight"].shape[2])
    G.load_state_dict(official.convert(v.group("param/G/"), "G"))
    D.load_state_dict(official.convert(v.group("param/D/"), "D"))
    return G.double(), D.double()


def near(ours: Tensor, v: Vectors, key: str, rtol: float = 1e-4) -> None:
    """Within rtol of the official array's largest entry."""
    close(ours, v[key], key, rtol=0, atol=rtol * max(v[key].abs().max().item(), 1e-3))


def lods(v: Vectors, prefix: str) -> list[str]:
    """The "lodX.XX" of the keys that begin with the prefix."""
    return sorted({rest.split("/")[0] for rest in v.group(prefix)})


@pytest.mark.parametrize("path", files("pggan-networks*.npz"))
def test_networks(path):
    v = Vectors(path)
    G, D = build(v)
    full, z = v["input/images"].shape[-1], v["input/latents"]
    label = v.get("input/labels")
    if G.n_classes and label is None:  # the official code then takes zeros
        label = z.new_zeros(len(z), G.n_classes)
    for name in lods(v, "output/G/"):
        lod = float(name.removeprefix("lod"))
        image = G(z, label, lod)
        near(layers.upscale(image, full // image.shape[-1]), v, f"output/G/{name}")
    for key in v.group("output/D/"):
        name, n = key.split("/")
        lod, n = float(name.removeprefix("lod")), int(n.removeprefix("n"))
        x = layers.downscale(v["input/images"][:n], 2 ** math.floor(lod))
        near(D(x, lod=lod), v, f"output/D/{key}")


@pytest.mark.parametrize("path", files("pggan-ops*.npz"))
def test_layers(path):
    v = Vectors(path)
    x4, x2 = v["input/x4"], v["input/x2"]

    def same(ours: Tensor, key: str) -> None:
        close(ours, v[f"output/{key}"], key, rtol=1e-5, atol=1e-6)

    for key, x in (("4d", x4), ("2d", x2), ("tiny", v["input/tiny"])):
        same(layers.pixel_norm(x), f"pixel_norm_{key}")
    for key in v.group("output/minibatch_stddev/"):
        n, group = (int("".join(c for c in part if c.isdigit())) for part in key.split("_"))
        same(layers.minibatch_stddev(x4[:n], group), f"minibatch_stddev/{key}")
    same(layers.upscale(x4), "upscale2d")
    same(layers.downscale(x4), "downscale2d")
    same(layers.leaky(x4), "leaky_relu")

    built = {
        "conv3x3": lambda i, o: layers.EqualizedConv2d(i, o, bias=False),
        "conv1x1_gain1": lambda i, o: layers.EqualizedConv2d(i, o, 1, gain=1.0, bias=False),
        "upscale2d_conv2d": lambda i, o: layers.EqualizedConv2d(i, o, resample="up", bias=False),
        "conv2d_downscale2d": lambda i, o: layers.EqualizedConv2d(i, o, resample="down", bias=False),
        "dense": lambda i, o: layers.EqualizedLinear(i, o, bias=False),
        "dense_gain_sqrt2over4": lambda i, o: layers.EqualizedLinear(i, o, gain=math.sqrt(2) / 4, bias=False),
    }
    for key, array in v.group("param/").items():
        op = key.removesuffix("_wscale/weight")
        weight = official.layout("Conv0_up/weight" if op == "upscale2d_conv2d" else key, array).double()
        layer = built[op](weight.shape[1], weight.shape[0]).double()
        layer.load_state_dict({"weight": weight})
        x = x4 if weight.ndim == 4 else x2 if op == "dense_gain_sqrt2over4" else x4.flatten(1)
        same(layer(x), f"{op}_wscale")


def faded(v: Vectors, key: str, lod: float) -> Tensor:
    """The real images of a key as the training step makes them, at their working resolution."""
    return layers.fade_reals(to_float(torch.from_numpy(v.arrays[key])).double(), lod)


def classes(labels: Tensor | None) -> Tensor | None:
    return None if labels is None else labels.argmax(1)


def model(v: Vectors, kind: type[PGGAN] = PGGAN, **more) -> PGGAN:
    """The paper's module in float64, with the file's networks."""
    loss = v.meta["constructor"].get("loss", {})
    if not isinstance(loss.get("wgan_target"), str):  # not "per key", which the test sets
        more["gamma"] = loss.get("wgan_target", 1.0)
    G, D = build(v)
    gan = kind(
        resolution=v.meta["constructor"]["G"]["resolution"],
        n_classes=G.n_classes,
        latent_dim=G.latent_dim,
        fmap_max=1,  # the file's own networks take their places below
        lambda_gp=loss.get("wgan_lambda", 10.0),
        drift=loss.get("wgan_epsilon", 0.001),
        cond_weight=loss.get("cond_weight", 1.0),
        real_fade="float",
        fake_labels="real",
        **more,
    )
    gan.G, gan.D, gan.G_ema = G, D, copy.deepcopy(G).requires_grad_(False)
    return gan.double()


def check_gradients(v: Vectors, net: torch.nn.Module, prefix: str, of: str) -> None:
    """Each gradient within 1e-3 of its tensor's largest entry; layers that are not active yet have none."""
    if not (arrays := v.group(prefix)):  # a file may leave gradients out, but not the losses
        return
    expected, parameters = official.convert(arrays, of), dict(net.named_parameters())
    assert expected.keys() == parameters.keys()
    for name, gradient in expected.items():
        ours = parameters[name].grad
        ours = torch.zeros_like(parameters[name]) if ours is None else ours
        close(ours, gradient, prefix + name, rtol=0, atol=1e-3 * gradient.abs().max().item() + 1e-6)


@pytest.mark.parametrize("path", [*files("pggan-losses*.npz"), *files("pggan-conditional*.npz")])
def test_losses_and_gradients(path, monkeypatch):
    v = Vectors(path)
    gan = model(v)
    monkeypatch.setattr(gan, "uniform", lambda n: v["input/mixing_factors"])
    full = gan.resolution
    for name in lods(v, "output/D_loss/"):
        lod = float(name.removeprefix("lod"))
        real, label = faded(v, f"input/reals_uint8/{name}", lod), classes(v.get("input/labels_real"))
        close(layers.upscale(real, full // real.shape[-1]), v[f"output/reals/{name}"], "reals", 0, 1e-6)
        with torch.no_grad():
            fake = gan.G(v["input/latents_D"], label, lod)
        between = (real + (fake - real) * v["input/mixing_factors"]).requires_grad_()
        for images, kind in ((real, "real"), (fake, "fake"), (between, "mixed")):
            scores, logits = gan.D.judge(images, lod)
            near(scores, v, f"output/{kind}_scores/{name}")
            if label is not None and kind != "mixed":
                near(logits, v, f"output/{kind}_label_logits/{name}")
        norms = input_gradient(gan.D(between, lod=lod), between).norm(dim=1) / (full // real.shape[-1])
        near(norms, v, f"output/mixed_grad_norms/{name}")

        for key in v.group(f"output/D_loss/{name}/"):
            gan.gamma = float(key.removeprefix("target"))
            gan.zero_grad()
            loss, _ = gan.critic_loss(real, fake, label, label, lod)
            loss.backward()
            close(loss, v[f"output/D_loss/{name}/{key}"], key, rtol=1e-4)
            check_gradients(v, gan.D, f"output/D_grad/{name}/{key}/", "D")

        gan.zero_grad()
        label = classes(v.get("input/labels_G"))
        loss, _ = gan.generator_loss(gan.G(v["input/latents_G"], label, lod), label, lod)
        loss.backward()
        close(loss, v[f"output/G_loss/{name}"], "G loss", rtol=1e-4, atol=1e-6)
        check_gradients(v, gan.G, f"output/G_grad/{name}/", "G")


class Replayed(PGGAN):
    """PGGAN at the vectors' lod and rate, with their random draws; keeps the state after each step."""

    def replay(self, v: Vectors, steps: list[str]) -> None:
        self.adam = v.meta["constructor"]["optimizer"]
        self.labels_g = iter([classes(v.get(f"input/{s}/labels_G")) for s in steps])
        self.draws = iter(
            [v[f"input/{s}/{k}"] for s in steps for k in ("latents_D", "mixing_factors", "latents_G")]
        )
        n, _, _, side = v.arrays[f"input/{steps[0]}/reals_uint8"].shape
        self.held = Stage(side, n, lod=v["input/lod"].item(), lr=v["input/lr"].item())
        self.after, self.seen = [], []

    def configure_optimizers(self):
        optimizers = super().configure_optimizers()
        for optimizer in optimizers:
            optimizer.param_groups[0]["betas"] = self.adam["beta1"], self.adam["beta2"]
            optimizer.param_groups[0]["epsilon_hat"] = self.adam["epsilon"]
        return optimizers

    def stage_at(self, nimg):
        return self.held

    def random_labels(self, n):
        return next(self.labels_g)

    def latents(self, n):
        return next(self.draws)

    def uniform(self, n):
        return next(self.draws)

    def report(self, scalars):
        super().report(scalars)
        self.after.append({k: t.clone() for k, t in self.state_dict().items() if isinstance(t, Tensor)})


@pytest.mark.parametrize("path", files("pggan-trainstep*.npz"))
def test_training_steps(path):
    """The module's own training_step under Lightning, D and the average first, then G."""
    v = Vectors(path)
    steps = lods(v, "input/step")
    steps = sorted({f"step{s}" for s in steps}, key=lambda s: int(s.removeprefix("step")))
    about = v.meta["constructor"]
    gan = model(v, Replayed, lr=v["input/lr"].item(), ema_decay=about.get("G_smoothing", 0.999))
    gan.G_ema.load_state_dict(official.convert(v.group("param/Gs/"), "G"))
    gan.replay(v, steps)
    reals = [to_float(torch.from_numpy(v.arrays[f"input/{s}/reals_uint8"])) for s in steps]
    fit(gan, [(x, classes(v.get(f"input/{s}/labels_real"))) for s, x in zip(steps, reals, strict=True)])
    assert len(gan.after) == len(steps)
    for step, state in zip(steps, gan.after, strict=True):
        for ours, theirs, of in (("G", "G", "G"), ("D", "D", "D"), ("G_ema", "Gs", "G")):
            for name, expected in official.convert(v.group(f"output/{step}/{theirs}/"), of).items():
                error = (state[f"{ours}.{name}"] - expected).abs()
                assert error.max() <= 2 * v["input/lr"], f"{step} {ours}.{name}"
                assert (error <= 2e-5).double().mean() >= 0.995, f"{step} {ours}.{name}"


@pytest.mark.parametrize("path", files("pggan-metrics*.npz"))
def test_ms_ssim(path):
    v = Vectors(path)
    a, b = v["input/images_a"], v["input/images_b"]

    def same(ours, key: str) -> None:
        close(torch.as_tensor(ours), v[f"output/{key}"], key, rtol=0, atol=1e-5)

    same(ms_ssim.ms_ssim_of_pairs(a), "msssim_consecutive_pairs_of_a")
    same(ms_ssim.ms_ssim(a, b).mean(), "msssim_a_vs_b")
    similarity, contrast = ms_ssim.ssim(a.double(), b.double())
    same(similarity, "ssim_level0_a_vs_b")
    same(contrast, "cs_level0_a_vs_b")


@pytest.mark.parametrize("path", files("pggan-metrics*.npz"))
def test_swd(path):
    v = Vectors(path)
    distances, directions = [], v["input/swd_dirs_raw"]
    pyramids = {name: swd.laplacian_pyramid(v[f"input/images_{name}"]) for name in "ab"}
    repeats = len(directions) // len(pyramids["b"])
    for k, level in enumerate(pyramids["b"]):
        for name, pyramid in pyramids.items():
            close(pyramid[k], v[f"output/laplacian_{name}/level{k}"], "pyramid", rtol=1e-5, atol=1e-4)
        found = swd.patches(level, v[f"input/swd_x_offsets/level{k}"], v[f"input/swd_y_offsets/level{k}"])
        b = swd.standardize(found.double())
        close(b, v[f"output/swd_descriptors_b_final/level{k}"], "descriptors", rtol=1e-5, atol=1e-5)
        a = v[f"input/swd_descriptors_a_final/level{k}"]
        some = directions[k * repeats : (k + 1) * repeats]
        distances.append(1000 * swd.sliced_wasserstein(a, b, some))
    distances.append(sum(distances) / len(distances))
    close(torch.tensor(distances), v["output/swd_x1e3"], "SWD", rtol=1e-5)


@pytest.mark.parametrize("path", files("pggan-data*.npz"))
def test_data_levels_and_records(path, tmp_path):
    """The exporter's files read back, and its levels made again, by `zoo data prepare` and at training."""
    v = Vectors(path)
    images = torch.from_numpy(v.arrays["input/images_uint8"])
    full = images.shape[-1]
    sides = {2 ** int(key.removeprefix("r")): key for key in v.group("output/images_uint8/")}
    for key in sides.values():
        data = v.arrays[f"output/tfrecord_bytes/{key}"].tobytes()
        (tmp_path / f"set-{key}.tfrecords").write_bytes(data)
    records = TFRecords(sorted(tmp_path.iterdir()))
    assert records.levels == tuple(sorted(sides, reverse=True))
    assert len(records) == len(images)
    channels_last = images.permute(0, 2, 3, 1).numpy()
    for side, key in sides.items():
        expected = v.arrays[f"output/images_uint8/{key}"]
        assert torch.equal(box_down(images, full // side), torch.from_numpy(expected))
        for i, image in enumerate(expected):
            stored = records.read(i, side).transpose(2, 0, 1)
            assert (stored == image).all(), f"record {i} of {key}"
            assert (pixels.levels(channels_last[i], [full, side])[side].transpose(2, 0, 1) == image).all()


@pytest.mark.parametrize("path", files("pggan-data*.npz"))
def test_fading_of_reals(path):
    v = Vectors(path)
    for name in v.group("output/process_reals/"):
        lod = float(name.removeprefix("lod"))
        real = faded(v, "input/reals_uint8", lod)
        full = layers.upscale(real, 2 ** math.floor(lod))
        close(full, v[f"output/process_reals/{name}"], name, rtol=0, atol=1e-6)
        if lod < 1:  # TH cuts the faded image to bytes
            bytes_ = layers.fade_bytes(to_float(torch.from_numpy(v.arrays["input/reals_uint8"])), lod)
            exact = (v[f"output/process_reals/{name}"] + 1) * 127.5
            close((bytes_ + 1) * 127.5, (exact + 1e-4).floor(), name, rtol=0, atol=1e-4)
