"""StyleGAN's networks, losses, training steps, schedule and metrics against NVlabs/stylegan's own code.

Everything is built from a file's meta, evaluated in float64 and compared at the tolerance the file states.
"""

import functools

import pytest
import torch
from growth import check_table, check_trace, rows
from torch import Tensor, nn
from vectors import Vectors, close, files, fit

from zoo.ema import EMA
from zoo.evaluation import ppl, separability
from zoo.evaluation.subject import to_uint8
from zoo.losses import nonsaturating_d, nonsaturating_g, saturating_g
from zoo.networks import progressive as layers
from zoo.networks import stylegan as networks
from zoo.official import stylegan as official
from zoo.papers import stylegan as paper
from zoo.papers.stylegan import StyleGAN
from zoo.penalties import input_gradient, r1, r2
from zoo.schedules import ProgressiveSchedule, Stage

FUSED_FROM = {"auto": 128, True: 8, False: 2**20}


def arguments(about: dict) -> dict:
    """Our names for the official constructors' options that both networks have."""
    names = {"resolution": "resolution", "fmap_base": "fmap_base", "fmap_max": "fmap_max"}
    names |= {"num_channels": "channels", "label_size": "n_classes"}
    return {ours: about[theirs] for theirs, ours in names.items() if theirs in about}


def arguments_g(about: dict) -> dict:
    names = {"latent_size": "latent_dim", "dlatent_size": "w_dim", "mapping_fmaps": "mapping_width"}
    names |= {"mapping_layers": "mapping_layers", "mapping_lrmul": "mapping_lrmul"}
    return arguments(about) | {ours: about[theirs] for theirs, ours in names.items() if theirs in about}


def parts(about: dict) -> dict:
    names = {"use_styles": "styles", "use_noise": "noise", "const_input_layer": "constant"}
    names |= {"use_instance_norm": "instance_norm", "use_pixel_norm": "pixel_norm"}
    return {ours: about[theirs] for theirs, ours in names.items() if theirs in about}


def arguments_d(about: dict) -> dict:
    names = {"mbstd_group_size": "group_size", "mbstd_num_features": "stddev_features"}
    return arguments(about) | {ours: about[theirs] for theirs, ours in names.items() if theirs in about}


def build_g(about: dict, arrays: dict, **options) -> networks.Generator:
    """G in float64 with the file's weights."""
    G = networks.Generator(**arguments_g(about), parts=networks.Parts(**parts(about)))
    state = official.convert(arrays, "G", FUSED_FROM[options.get("fused", about.get("fused_scale", "auto"))])
    missing, unexpected = G.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.endswith("noise.stored") or name == "w_avg" for name in missing)
    return G.double()


def build_d(about: dict, arrays: dict) -> networks.Discriminator:
    D = networks.Discriminator(**arguments_d(about))
    D.load_state_dict(official.convert(arrays, "D"))
    return D.double()


def near(ours: Tensor, v: Vectors, key: str, tolerance: float = 1e-4) -> None:
    """Within `tolerance` of the official value, and of the largest official one."""
    close(ours, v[key], key, rtol=tolerance, atol=tolerance * float(v[key].abs().max()))


def lods(v: Vectors, prefix: str) -> dict[str, float]:
    """Names such as lod1.60 with their value, of all keys below `prefix`."""
    names = sorted({key.partition("/")[0] for key in v.group(prefix)})
    return {name: float(name.removeprefix("lod")) for name in names}


def full(images: Tensor, resolution: int) -> Tensor:
    """Images of a lower level at the full side, as the official networks hand them about."""
    return layers.upscale(images, resolution // images.shape[-1])


@pytest.mark.parametrize("path", files("stylegan-networks*.npz"))
def test_networks(path):
    v = Vectors(path)
    about = v.meta["constructor"]
    G, D = build_g(about["G"], v.group("param/G/")), build_d(about["D"], v.group("param/D/"))
    near(G.mapping(v["input/latents"]), v, "output/mapping_dlatents")
    for name, lod in lods(v, "output/synthesis/").items():
        images = full(G.synthesis(v["input/dlatents"], lod, "stored"), about["G"]["resolution"])
        near(images, v, f"output/synthesis/{name}")
    fused = build_g(about["G"], v.group("param/G/"), fused=True)
    for name, lod in lods(v, "output/synthesis_fused/").items():
        images = full(fused.synthesis(v["input/dlatents"], lod, "stored"), about["G"]["resolution"])
        near(images, v, f"output/synthesis_fused/{name}")
    for group in ("D", "D_fused"):  # numerically one function
        for name, lod in lods(v, f"output/{group}/").items():
            for n in v.group(f"output/{group}/{name}/"):
                logits = D(v["input/images"][: int(n.removeprefix("n"))], lod=lod)
                near(logits, v, f"output/{group}/{name}/{n}")


@pytest.mark.parametrize("path", files("stylegan-ablations*.npz"))
def test_configurations(path):
    v = Vectors(path)
    for name, about in v.meta["constructor"].items():
        G = build_g(about, v.group(f"param/{name}/"))
        near(G(v["input/latents"], noise="stored"), v, f"output/{name}/images")


@pytest.mark.parametrize("path", files("stylegan-gstyle*.npz"))
def test_truncation_mixing_and_average(path):
    v = Vectors(path)
    about, arrays, z = v.meta["constructor"]["G"], v.group("param/G/"), v["input/latents"]
    G = build_g(about, arrays)
    for name in v.group("output/truncated_images/"):
        psi, cutoff = None, None
        for part in name.split("_"):
            if part.startswith("psi"):
                psi = float(part.removeprefix("psi"))
            elif part.startswith("cutoff"):
                cutoff = int(part.removeprefix("cutoff"))
        w = G.truncate(G.layered(G.mapping(z)), psi, cutoff)
        near(w, v, f"output/truncated_dlatents/{name}")
        near(G(z, noise="stored", truncation=psi, cutoff=cutoff), v, f"output/truncated_images/{name}")
    for name in sorted({key.partition("/")[0] for key in v.group("input/") if key.startswith("training")}):
        given = {key: float(v[f"input/{name}/{key}"]) for key in ("lod", "u", "crossover")}
        G = build_g(about, arrays)
        w = G.mapping(z)
        G.track(w)
        mixing = given["u"] < about.get("style_mixing_prob", 0.9)
        crossover = int(given["crossover"]) if mixing else G.synthesis.used(given["lod"])
        w = networks.mix(G.layered(w), G.layered(G.mapping(v["input/latents2"])), crossover)
        near(w, v, f"output/{name}/dlatents")
        images = full(G.synthesis(w, given["lod"], "stored"), about["resolution"])
        near(images, v, f"output/{name}/images")
        near(G.w_avg, v, f"output/{name}/dlatent_avg")


@pytest.mark.parametrize("path", files("stylegan-ops*.npz"))
def test_layers(path):
    v = Vectors(path)
    x, w = v["input/x4"], v["input/w"]

    def conv(name: str, resample: str | None = None, turned: bool = False) -> Tensor:
        weight = official.tensor(v.arrays[f"param/{name}/weight"], "weight")
        layer = layers.EqualizedConv2d(*weight.shape[1::-1], weight.shape[2], bias=False, resample=resample)
        layer.load_state_dict({"weight": weight.flip(2, 3) if turned else weight})
        return layer.double()(x)

    weight = official.tensor(v.arrays["param/dense_lrmul0p01/weight"], "weight")
    dense = layers.EqualizedLinear(*weight.shape[::-1], lrmul=0.01)
    dense.load_state_dict({"weight": weight, "bias": v["param/dense_lrmul0p01/bias"]})
    weight = official.tensor(v.arrays["param/style_mod/StyleMod/weight"], "weight")
    style = networks.Style(weight.shape[1], weight.shape[0] // 2)
    style.load_state_dict({"weight": weight, "bias": v["param/style_mod/StyleMod/bias"]})
    noise = networks.AddNoise(x.shape[1], x.shape[2])
    noise.load_state_dict({"strength": v["param/apply_noise/Noise/weight"], "stored": v["input/noise"]})
    found = {
        "blur2d": layers.blur(x),
        "blur2d_ones": layers.blur(torch.ones(1, 1, 4, 4, dtype=x.dtype)),
        "upscale2d": layers.upscale(x),
        "downscale2d": layers.downscale(x),
        "downscale2d_factor4": layers.downscale(x, 4),
        "instance_norm": layers.instance_norm(x),
        "instance_norm_tiny": layers.instance_norm(x * 1e-5),
        "pixel_norm": layers.pixel_norm(x),
        "leaky_relu": layers.leaky(x),
        "conv3x3_wscale": conv("conv3x3_wscale"),
        "upscale2d_conv2d_unfused": conv("upscale2d_conv2d_unfused", "up"),
        "upscale2d_conv2d_fused": conv("upscale2d_conv2d_fused", "up", turned=True),
        "conv2d_downscale2d_unfused": conv("conv2d_downscale2d_unfused", "down"),
        "conv2d_downscale2d_fused": conv("conv2d_downscale2d_fused", "down"),
        "dense_lrmul0p01": dense.double()(w),
        "style_mod": style.double()(x, w),
        "apply_noise": noise.double()(x, "stored"),
    }
    for key in v.group("output/minibatch_stddev/"):
        n, group, features = (int("".join(filter(str.isdigit, part))) for part in key.split("_"))
        found[f"minibatch_stddev/{key}"] = layers.minibatch_stddev(x[:n], group, features)
    found["images_uint8"] = to_uint8(v["input/images_float"].float())
    for name in v.group("output/"):
        close(found[name], v[f"output/{name}"], name, rtol=1e-5, atol=1e-5)


def check_gradients(net: nn.Module, expected: dict[str, Tensor]) -> None:
    """Within 1e-3 of each tensor's largest entry, and 1e-6; parameters of inactive layers have none."""
    parameters = dict(net.named_parameters())
    assert expected.keys() == parameters.keys()
    for name, gradient in expected.items():
        ours = parameters[name].grad
        ours = torch.zeros_like(parameters[name]) if ours is None else ours
        atol = 1e-3 * float(gradient.abs().max()) + 1e-6
        close(ours, gradient.double(), f"gradient of {name}", rtol=0, atol=atol)


def fakes(G: networks.Generator, v: Vectors, step: str, label: Tensor | None, lod: float, mixing: float) -> Tensor:
    """What the D or the G step generates, from given draws."""
    w, other = (G.layered(G.mapping(v[f"input/latents_{step}{n}"], label)) for n in ("", "_2"))
    mixed = float(v[f"input/u_{step}"]) < mixing
    crossover = int(v[f"input/crossover_{step}"]) if mixed else G.synthesis.used(lod)
    return G.synthesis(networks.mix(w, other, crossover), lod, "stored")


@pytest.mark.parametrize("path", [*files("stylegan-losses*.npz"), *files("stylegan-conditional*.npz")])
def test_losses_and_gradients(path):
    v = Vectors(path)
    about, mixing = v.meta["constructor"], v.meta["constructor"]["G"].get("style_mixing_prob", 0.9)
    G, D = build_g(about["G"], v.group("param/G/")), build_d(about["D"], v.group("param/D/"))
    label, label_g = v.get("input/labels_real"), v.get("input/labels_G")
    for name, lod in lods(v, "output/reals/").items():
        real = layers.fade_reals(v[f"input/reals_uint8/{name}"].double() / 127.5 - 1, lod)
        real = full(real, about["D"]["resolution"]).requires_grad_()
        near(real, v, f"output/reals/{name}")
        fake = fakes(G, v, "D", label, lod, mixing).detach().requires_grad_()
        for kind in v.group(f"output/D_loss/{name}/"):
            gamma_r1, gamma_r2 = (float(kind[3:]) if kind.startswith(which) else 0.0 for which in ("r1_", "r2_"))
            D.zero_grad()
            real_logits, fake_logits = D(real, label, lod), D(fake, label, lod)
            # the fakes' gradient would be smaller by 2^floor(lod) at the full side, its square by 4^floor(lod)
            penalty = gamma_r1 * r1(real_logits, real) + gamma_r2 * r2(fake_logits, fake) / 4 ** int(lod)
            loss = nonsaturating_d(real_logits, fake_logits) + penalty / 2
            loss.backward()
            near(loss, v, f"output/D_loss/{name}/{kind}")
            if expected := v.group(f"output/D_grad/{name}/{kind}/"):
                check_gradients(D, official.convert(expected, "D"))
        near(real_logits, v, f"output/real_scores/{name}")
        near(fake_logits, v, f"output/fake_scores/{name}")
        near(input_gradient(D(real, label, lod), real).square().sum(1), v, f"output/r1_sqnorm/{name}")
        for kind, loss_g in {"nonsaturating": nonsaturating_g, "saturating": saturating_g}.items():
            if f"output/G_loss/{name}/{kind}" not in v:
                continue
            G.zero_grad()
            loss = loss_g(D(fakes(G, v, "G", label_g, lod, mixing), label_g, lod))
            loss.backward()
            near(loss, v, f"output/G_loss/{name}/{kind}")
            if kind == "nonsaturating":
                check_gradients(G, official.convert(v.group(f"output/G_grad/{name}/"), "G"))


#: what the authors' options set for a number of GPUs (train.py), over a minibatch_base
BATCHES = {
    1: (4, {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4}),
    2: (8, {4: 256, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8}),
    4: (16, {4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16}),
    8: (32, {4: 512, 8: 256, 16: 128, 32: 64, 64: 32}),
}
RATES = {"r1": paper.RATES, "wgangp": paper.RATES | {512: 0.002, 1024: 0.002}}


def schedule(row: dict) -> ProgressiveSchedule:
    """The schedule of one row of the official tables."""
    gpus, resolution = int(float(row["num_gpus"])), int(float(row["dataset_resolution"]))
    if row["loss"] not in RATES:  # a check of the ramp-up, without dictionaries
        rampup = float(row["loss"].removeprefix("rampup").removesuffix("-check"))
        return ProgressiveSchedule(resolution, 8, batch_size=32, num_gpus=gpus, rampup_kimg=rampup)
    base, at = BATCHES[gpus]
    return ProgressiveSchedule(
        resolution, 8, batch_size=base, batch_size_at=at, lr_at=RATES[row["loss"]], num_gpus=gpus
    )


@pytest.mark.parametrize("path", files("stylegan-schedule.*"))
def test_schedule(path):
    check_table(path, schedule)
    for row in rows(path):
        beta = EMA(half_life_kimg=10).beta(round(1000 * float(row["kimg"])), int(float(row["minibatch"])))
        assert beta == float(row["Gs_beta"])


@pytest.mark.parametrize("path", files("stylegan-schedule-trace*.csv"))
def test_growing_loop(path):
    check_trace(path, schedule)


class Replayed(StyleGAN):
    """StyleGAN with the vectors' draws in the order they are consumed; keeps the state after each step."""

    def replay(self, v: Vectors, lod: float, lr: float) -> None:
        steps = range(len({key.partition("/")[0] for key in v.group("input/step")}))
        self.steps_given = steps
        draws = [f"input/step{i}/{{}}{which}" for i in steps for which in ("D", "G")]
        self.z = (v[name.format("z") + second] for name in draws for second in ("", "2"))
        mixed = [float(v[name.format("u")]) < self.mixing for name in draws]
        crossovers = [int(v[name.format("crossover_")]) for name in draws]
        self.mixings = iter(
            [c if m else self.G.synthesis.used(lod) for m, c in zip(mixed, crossovers, strict=True)]
        )
        size, number = v["input/step0/reals_uint8"].shape[-1], len(v["input/step0/reals_uint8"])
        self.replayed, self.after, self.seen = Stage(size, number, None, lod, lr), [], []
        self.G.synthesis.forward = functools.partial(self.G.synthesis.forward, noise="stored")

    def stage_at(self, nimg):
        return getattr(self, "replayed", self._stage)

    def latents(self, n):
        z = next(self.z).to(self.dtype)
        assert len(z) == n
        return z

    def crossover(self, lod):
        return next(self.mixings)

    def report(self, scalars):
        super().report(scalars)
        self.after.append({k: t.clone() for k, t in self.state_dict().items() if isinstance(t, Tensor)})
        self.seen.append({k: scalars[k].detach() for k in ("loss/d", "loss/g", "penalty/gradient")})


@pytest.mark.parametrize("path", files("stylegan-trainstep*.npz"))
def test_training_steps(path):
    """The module's own training_step under Lightning, in float32 as theirs: G, D, G's average, that of w."""
    v = Vectors(path)
    about, lod, lr = v.meta["constructor"], float(v["input/lod"]), float(v["input/lr"])
    optimizer = about.get("optimizer", {})
    assert optimizer | {"beta1": 0.0, "beta2": 0.99, "epsilon": 1e-8} == optimizer
    options = arguments_g(about["G"])
    gan = Replayed(
        **{k: x for k, x in options.items() if k != "channels"},
        **parts(about["G"]),
        mixing=about["G"].get("style_mixing_prob", 0.9),
        w_avg_decay=about["G"].get("dlatent_avg_beta", 0.995),
        gamma=about.get("r1_gamma", 10.0),
        lr=lr,
        ema_half_life_kimg=about.get("G_smoothing_kimg", 10.0),
    )
    gan.G, gan.D = build_g(about["G"], v.group("param/G/")), build_d(about["D"], v.group("param/D/"))
    gan.G_ema = build_g(about["G"], v.group("param/Gs/")).requires_grad_(False)
    gan.replay(v, lod, lr)
    steps = [f"step{i}" for i in range(len(gan.steps_given))]
    batches = [(v[f"input/{step}/reals_uint8"].float() / 127.5 - 1, None) for step in steps]
    fit(gan.float(), batches, precision="32-true")
    for step, state, seen in zip(steps, gan.after, gan.seen, strict=True):
        near(seen["loss/d"] + seen["penalty/gradient"], v, f"output/{step}/D_loss")
        near(seen["loss/g"], v, f"output/{step}/G_loss")
        for ours, theirs, of in (("G", "G", "G"), ("D", "D", "D"), ("G_ema", "Gs", "G")):
            expected = official.convert(v.group(f"output/{step}/{theirs}/"), of)
            assert expected
            for name, value in expected.items():
                if name == "w_avg":
                    near(state["G.w_avg"], v, f"output/{step}/G/dlatent_avg")
                    continue
                error = (state[f"{ours}.{name}"] - value.double()).abs()
                assert float(error.max()) <= 2 * lr, f"{step} {ours}.{name}"
                assert (error <= 0.02 * lr).double().mean() >= 0.995, f"{step} {ours}.{name}"


@pytest.mark.parametrize("path", files("stylegan-metrics*.npz"))
def test_metrics(path):
    v = Vectors(path)
    a, b, t = v["input/a"], v["input/b"], v["input/t"]
    found = {
        "slerp": ppl.slerp(a, b, t),
        "slerp_t0": ppl.slerp(a, b, 0.0 * t),
        "slerp_eps": ppl.slerp(a, b, t + 1e-4),
        "lerp": ppl.lerp(a, b, t),
    }
    for name, value in found.items():
        close(value, v[f"output/{name}"], name, rtol=1e-5, atol=1e-6)
    # the official code has cast its tables to float32
    tables = v["input/joint_tables"].float().double().numpy()
    for name in ("entropy", "mutual_information", "conditional_entropy"):
        values = torch.tensor([getattr(separability, name)(table) for table in tables])
        close(values, v[f"output/{name}"], name, rtol=1e-5, atol=1e-6)
    unknown = [separability.conditional_entropy(table) for table in tables]
    score = torch.tensor(separability.separability_score(unknown))
    close(score, v["output/separability_score_of_all_tables"], "score", rtol=1e-5)
    distances = v["input/distances"]
    mean, count = ppl.trimmed_mean(distances)
    assert count == int(v["output/ppl_filtered_count"])
    close(torch.tensor(mean), v["output/ppl_filtered_mean"], "trimmed mean", rtol=1e-5)
    low, high = v["output/ppl_outlier_lo_hi"]
    assert count == int(((distances >= low) & (distances <= high)).sum())
