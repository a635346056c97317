"""StyleGAN's networks, losses, training steps, schedule and metrics against NVlabs/stylegan's own code.

Everything is built from a file's meta, evaluated in float64 and compared at the tolerance the file states. An
argument that meta leaves out has the authors' default.
"""

import functools
import re

import pytest
import torch
from fitting import fit
from growth import check_table, check_trace, rows
from torch import Tensor, nn
from vectors import Vectors, close, files, only

from zoo.data.stage import Stage
from zoo.engine.ema import EMA
from zoo.engine.schedules import ProgressiveSchedule
from zoo.evaluation import ppl, separability
from zoo.evaluation.subject import to_uint8
from zoo.networks import progressive as layers
from zoo.networks import stylegan as networks
from zoo.networks import stylegan_synthesis
from zoo.objectives.losses import nonsaturating_d, nonsaturating_g, saturating_g
from zoo.objectives.penalties import input_gradient, r1, r2
from zoo.official import stylegan as official
from zoo.papers import stylegan as paper
from zoo.papers.stylegan import StyleGAN

FUSED_FROM = {"auto": 128, True: 8, False: 2**20}
#: what the official constructors could also do otherwise, and no file of the paper's models does
ALWAYS = {"fmap_decay": 1.0, "use_wscale": True, "nonlinearity": "lrelu", "blur_filter": [1, 2, 1]}
ALWAYS |= {"normalize_latents": True, "mapping_nonlinearity": "lrelu"}


def arguments(about: dict) -> dict:
    """Our names for the official constructors' options that both networks have."""
    names = {"resolution": "resolution", "fmap_base": "fmap_base", "fmap_max": "fmap_max"}
    names |= {"label_size": "n_classes"}
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
    found = arguments(about) | {ours: about[theirs] for theirs, ours in names.items() if theirs in about}
    if found.get("group_size", 4) <= 1:  # then there is no such layer
        found["stddev_features"] = 0
    return found


def fused_from(about: dict) -> int:
    """Size in px from which G's up-convolutions are fused."""
    return FUSED_FROM[about.get("fused_scale", "auto")]


def thin(rgb: nn.ModuleList, about: dict) -> None:
    """Structure "fixed", which cannot grow, has only the finest of the RGB layers."""
    for i in range(len(rgb) - 1 if about.get("structure") == "fixed" else 0):
        rgb[i] = nn.Identity()


def build_g(about: dict, arrays: dict) -> networks.Generator:
    """G in float64 with the file's weights."""
    only(about, **ALWAYS)
    channels = len(arrays["G_synthesis/ToRGB_lod0/bias"])
    G = networks.Generator(**arguments_g(about), channels=channels, parts=networks.Parts(**parts(about)))
    thin(G.synthesis.to_rgb, about)
    state = official.convert(arrays, "G", fused_from(about))
    missing, unexpected = G.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.endswith("noise.stored") or name == "w_avg" for name in missing)
    return G.double()


def build_d(about: dict, arrays: dict) -> networks.Discriminator:
    only(about, **ALWAYS)
    D = networks.Discriminator(**arguments_d(about), channels=arrays["FromRGB_lod0/weight"].shape[2])
    thin(D.from_rgb, about)
    D.load_state_dict(official.convert(arrays, "D"))
    return D.double()


def near(ours: Tensor, v: Vectors, key: str, tolerance: float = 1e-4) -> None:
    """Within `tolerance` of the official value, and of the largest official one."""
    close(ours, v[key], key, rtol=tolerance, atol=tolerance * float(v[key].abs().max()))


def labels(v: Vectors, key: str, about: dict, n: int) -> Tensor | None:
    """n label vectors: the file's, or zeros as the official code takes without any; None for no classes."""
    if not about.get("label_size", 0):
        return None
    return v[key][:n] if key in v else torch.zeros(n, about["label_size"], dtype=torch.float64)


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
    z = v["input/latents"]
    near(G.mapping(z, labels(v, "input/labels", about["G"], len(z))), v, "output/mapping_dlatents")
    for name, lod in lods(v, "output/synthesis/").items():
        images = full(G.synthesis(v["input/dlatents"], lod, "stored"), about["G"]["resolution"])
        near(images, v, f"output/synthesis/{name}")
    fused = build_g(about["G"] | {"fused_scale": True}, v.group("param/G/"))
    for name, lod in lods(v, "output/synthesis_fused/").items():
        images = full(fused.synthesis(v["input/dlatents"], lod, "stored"), about["G"]["resolution"])
        near(images, v, f"output/synthesis_fused/{name}")
    for group in ("D", "D_fused"):  # numerically one function
        for name, lod in lods(v, f"output/{group}/").items():
            for key in v.group(f"output/{group}/{name}/"):
                n = int(key.removeprefix("n"))
                logits = D(v["input/images"][:n], labels(v, "input/labels", about["D"], n), lod)
                near(logits, v, f"output/{group}/{name}/{key}")


@pytest.mark.parametrize("path", files("stylegan-ablations*.npz"))
def test_configurations(path):
    v = Vectors(path)
    for name, about in v.meta["constructor"].items():
        G, z = build_g(about, v.group(f"param/{name}/")), v["input/latents"]
        images = G(z, labels(v, "input/labels", about, len(z)), noise="stored")
        near(images, v, f"output/{name}/images")


def truncation(name: str, about: dict) -> tuple[float | None, int | None]:
    """psi and cutoff of a key such as psi0.7_cutoff8; what it leaves out is the constructor's."""
    given = dict(re.findall(r"(psi|cutoff)(None|-?[\d.]+)", name))
    kind, defaults = ("_val", (None, None)) if name == "validation" else ("", (0.7, 8))
    psi, cutoff = (
        given.get(key, about.get(f"truncation_{key}{kind}", default))
        for key, default in zip(("psi", "cutoff"), defaults, strict=True)
    )
    if None in (psi, cutoff) or "None" in (psi, cutoff) or int(cutoff) <= 0:  # it takes both
        return None, None
    return float(psi), int(cutoff)


def crossover(v: Vectors, keys: tuple[str, str], about: dict, G: networks.Generator, lod: float) -> int:
    """First layer of the second style, from the given draw and layer; mixing that is off has no second style."""
    prob = about.get("style_mixing_prob", 0.9)
    if prob is None or prob <= 0:
        return len(G.synthesis.layers)
    return int(v[keys[1]]) if float(v[keys[0]]) < prob else G.synthesis.used(lod)


@pytest.mark.parametrize("path", files("stylegan-gstyle*.npz"))
def test_truncation_mixing_and_average(path):
    v = Vectors(path)
    about, arrays, z = v.meta["constructor"]["G"], v.group("param/G/"), v["input/latents"]
    G, label = build_g(about, arrays), labels(v, "input/labels", about, len(z))
    for name in v.group("output/truncated_images/"):
        psi, cutoff = truncation(name, about)
        w = G.truncate(G.layered(G.mapping(z, label)), psi, cutoff)
        near(w, v, f"output/truncated_dlatents/{name}")
        near(G(z, label, 0.0, "stored", psi, cutoff), v, f"output/truncated_images/{name}")
    beta = about.get("dlatent_avg_beta", 0.995)
    for name in sorted({key.partition("/")[0] for key in v.group("input/") if key.startswith("training")}):
        lod = float(v[f"input/{name}/lod"])
        G = build_g(about, arrays)
        w = G.mapping(z, label)
        G.track(w, 1.0 if beta is None else beta)
        other = G.mapping(v["input/latents2"], label)
        layer = crossover(v, (f"input/{name}/u", f"input/{name}/crossover"), about, G, lod)
        w = networks.mix(G.layered(w), G.layered(other), layer)
        near(w, v, f"output/{name}/dlatents")
        images = full(G.synthesis(w, lod, "stored"), about["resolution"])
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

    def dense(name: str) -> Tensor:
        weight = official.tensor(v.arrays[f"param/{name}/weight"], "weight")
        lrmul = float(name.removeprefix("dense_lrmul").replace("p", "."))
        layer = layers.EqualizedLinear(*weight.shape[::-1], lrmul=lrmul)
        layer.load_state_dict({"weight": weight, "bias": v[f"param/{name}/bias"]})
        return layer.double()(w)

    def style() -> Tensor:
        weight = official.tensor(v.arrays["param/style_mod/StyleMod/weight"], "weight")
        layer = stylegan_synthesis.Style(weight.shape[1], weight.shape[0] // 2)
        layer.load_state_dict({"weight": weight, "bias": v["param/style_mod/StyleMod/bias"]})
        return layer.double()(x, w)

    def noise() -> Tensor:
        layer = stylegan_synthesis.AddNoise(x.shape[1], x.shape[2])
        layer.strength.data = v["param/apply_noise/Noise/weight"]
        return layer.double()(x, v["input/noise"])

    def stddev(name: str) -> Tensor:
        sizes = {part.rstrip("0123456789"): int(re.search(r"\d+", part)[0]) for part in name.split("_")}
        return layers.minibatch_stddev(x[: sizes["n"]], sizes["group"], sizes.get("features", 1))

    found = {
        "blur2d": lambda: layers.blur(x),
        "blur2d_ones": lambda: layers.blur(torch.ones_like(v["output/blur2d_ones"])),
        "upscale2d": lambda: layers.upscale(x),
        "downscale2d": lambda: layers.downscale(x),
        "downscale2d_factor4": lambda: layers.downscale(x, 4),
        "instance_norm": lambda: layers.instance_norm(x),
        "instance_norm_tiny": lambda: layers.instance_norm(x * 1e-5),
        "pixel_norm": lambda: layers.pixel_norm(x),
        "leaky_relu": lambda: layers.leaky(x),
        "conv3x3_wscale": lambda: conv("conv3x3_wscale"),
        "upscale2d_conv2d_unfused": lambda: conv("upscale2d_conv2d_unfused", "up"),
        "upscale2d_conv2d_fused": lambda: conv("upscale2d_conv2d_fused", "up", turned=True),
        "conv2d_downscale2d_unfused": lambda: conv("conv2d_downscale2d_unfused", "down"),
        "conv2d_downscale2d_fused": lambda: conv("conv2d_downscale2d_fused", "down"),
        "style_mod": style,
        "apply_noise": noise,
        "images_uint8": lambda: to_uint8(v["input/images_float"].float()),
    }
    names = list(v.group("output/"))
    assert names
    found |= {name: functools.partial(dense, name) for name in names if name.startswith("dense_lrmul")}
    for key in v.group("output/minibatch_stddev/"):
        found[f"minibatch_stddev/{key}"] = functools.partial(stddev, key)
    for name in names:
        exact = {"rtol": 0, "atol": 0} if name == "images_uint8" else {"rtol": 1e-5, "atol": 1e-5}
        close(found[name](), v[f"output/{name}"], name, **exact)


def check_gradients(net: nn.Module, expected: dict[str, Tensor]) -> None:
    """Within 1e-3 of each tensor's largest entry, and 1e-6; parameters of inactive layers have none."""
    parameters = dict(net.named_parameters())
    assert expected.keys() == parameters.keys()
    for name, gradient in expected.items():
        ours = parameters[name].grad
        ours = torch.zeros_like(parameters[name]) if ours is None else ours
        atol = 1e-3 * float(gradient.abs().max()) + 1e-6
        close(ours, gradient.double(), f"gradient of {name}", rtol=0, atol=atol)


def fakes(G: networks.Generator, v: Vectors, step: str, label: Tensor | None, lod: float) -> Tensor:
    """What the D or the G step generates, from given draws."""
    w = G.layered(G.mapping(v[f"input/latents_{step}"], label))
    layer = crossover(v, (f"input/u_{step}", f"input/crossover_{step}"), v.meta["constructor"]["G"], G, lod)
    if f"input/latents_{step}_2" in v:
        w = networks.mix(w, G.layered(G.mapping(v[f"input/latents_{step}_2"], label)), layer)
    return G.synthesis(w, lod, "stored")


@pytest.mark.parametrize("path", [*files("stylegan-losses*.npz"), *files("stylegan-conditional*.npz")])
def test_losses_and_gradients(path):
    v = Vectors(path)
    about = v.meta["constructor"]
    G, D = build_g(about["G"], v.group("param/G/")), build_d(about["D"], v.group("param/D/"))
    label, label_g = (
        labels(v, f"input/labels_{kind}", about["G"], len(v[f"input/latents_{step}"]))
        for kind, step in (("real", "D"), ("G", "G"))
    )
    for name, lod in lods(v, "output/reals/").items():
        real = layers.fade_reals(v[f"input/reals_uint8/{name}"].double() / 127.5 - 1, lod)
        real = full(real, about["D"]["resolution"]).requires_grad_()
        near(real, v, f"output/reals/{name}")
        fake = fakes(G, v, "D", label, lod).detach().requires_grad_()
        for kind in v.group(f"output/D_loss/{name}/"):
            gammas = {which: float(gamma) for which, gamma in re.findall(r"(r[12])_([\d.e-]+)", kind)}
            gamma_r1, gamma_r2 = gammas.get("r1", 0.0), gammas.get("r2", 0.0)
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
            loss = loss_g(D(fakes(G, v, "G", label_g, lod), label_g, lod))
            loss.backward()
            near(loss, v, f"output/G_loss/{name}/{kind}")
            expected = v.group(f"output/G_grad/{name}/")
            if expected and kind == "nonsaturating":
                check_gradients(G, official.convert(expected, "G", fused_from(about["G"])))


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
        about = v.meta["constructor"]
        steps = range(len({key.partition("/")[0] for key in v.group("input/step")}))
        self.steps_given, self.adam = steps, about.get("optimizer", {})
        draws = [f"input/step{i}/{{}}{which}" for i in steps for which in ("D", "G")]
        z = [name.format("z") for name in draws]
        # a file without style mixing may leave out the second latents
        self.z = iter([v[name + "2" * (second and name + "2" in v)] for name in z for second in (False, True)])
        keys = [(name.format("u"), name.format("crossover_")) for name in draws]
        self.mixings = iter([crossover(v, pair, about["G"], self.G, lod) for pair in keys])
        self.labels_g = iter(
            [labels(v, f"input/step{i}/labels_G", about["G"], len(v[f"input/step{i}/zG"])) for i in steps]
        )
        size, number = v["input/step0/reals_uint8"].shape[-1], len(v["input/step0/reals_uint8"])
        self.replayed, self.after, self.seen = Stage(size, number, None, lod, lr), [], []
        self.G.synthesis.forward = functools.partial(self.G.synthesis.forward, noise="stored")

    def configure_optimizers(self):
        optimizers = super().configure_optimizers()
        for group in (optimizer.param_groups[0] for optimizer in optimizers):
            group["betas"] = self.adam.get("beta1", group["betas"][0]), self.adam.get("beta2", group["betas"][1])
            group["epsilon_hat"] = self.adam.get("epsilon", group["epsilon_hat"])
        return optimizers

    def stage_at(self, nimg):
        return getattr(self, "replayed", self._stage)

    def random_labels(self, n):
        label = next(self.labels_g)
        return None if label is None else label.to(self.dtype)

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
    only(about, r2_gamma=0.0)
    beta = about["G"].get("dlatent_avg_beta", 0.995)
    gan = Replayed(
        **arguments_g(about["G"]),
        **parts(about["G"]),
        w_avg_decay=1.0 if beta is None else beta,
        gamma=about.get("r1_gamma", 10.0),
        lr=lr,
        ema_half_life_kimg=about.get("G_smoothing_kimg", 10.0),
    )
    gan.G, gan.D = build_g(about["G"], v.group("param/G/")), build_d(about["D"], v.group("param/D/"))
    gan.G_ema = build_g(about["G"], v.group("param/Gs/")).requires_grad_(False)
    gan.replay(v, lod, lr)
    steps = [f"step{i}" for i in range(len(gan.steps_given))]
    reals = [v[f"input/{step}/reals_uint8"].float() / 127.5 - 1 for step in steps]
    given = [labels(v, f"input/{s}/labels_real", about["D"], len(x)) for s, x in zip(steps, reals, strict=True)]
    batches = [(x, None if y is None else y.float()) for x, y in zip(reals, given, strict=True)]
    fit(gan.float(), batches, precision="32-true")
    for step, state, seen in zip(steps, gan.after, gan.seen, strict=True):
        near(seen["loss/d"] + seen["penalty/gradient"], v, f"output/{step}/D_loss")
        near(seen["loss/g"], v, f"output/{step}/G_loss")
        for ours, theirs, of in (("G", "G", "G"), ("D", "D", "D"), ("G_ema", "Gs", "G")):
            expected = official.convert(v.group(f"output/{step}/{theirs}/"), of, fused_from(about["G"]))
            assert expected
            held = entries = 0
            for name, value in expected.items():
                if name == "w_avg":
                    near(state["G.w_avg"], v, f"output/{step}/G/dlatent_avg")
                    continue
                error = (state[f"{ours}.{name}"] - value.double()).abs()
                assert float(error.max()) <= 2 * lr, f"{step} {ours}.{name}"
                held, entries = held + int((error <= 0.02 * lr).sum()), entries + error.numel()
            assert held >= 0.995 * entries, f"{step} {ours}: {held} of {entries}"


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
