"""BigGAN's networks, losses, regulariser, standing statistics and training function against the authors' code.

Everything is built from a file's meta and the shapes in it, evaluated in float64 and compared at the tolerance the
file states. An argument that meta leaves out has the authors' default.
"""

import re

import pytest
import torch
from fitting import fit
from torch import Tensor, nn
from vectors import Vectors, close, files, only, with_modern_adam

from zoo.networks import biggan as networks
from zoo.networks import biggan_deep as deep
from zoo.networks import biggan_layers as layers
from zoo.objectives.losses import ADVERSARIAL
from zoo.objectives.penalties import orthogonality
from zoo.official import biggan as official
from zoo.papers.biggan import ORTHO, BigGAN


def sizes(attention: str) -> tuple[int, ...]:
    """BP writes sizes as "64" or "32_64", and none as "0"."""
    return tuple(int(size) for size in attention.split("_") if int(size))


def depth(about: dict, of: str) -> int:
    return about.get(f"{of}_depth", 1)


def generator(about: dict, arrays: dict) -> nn.Module:
    """G of a file's meta in float64 with the file's weights."""
    only(about, cross_replica=False, norm_style="bn", G_param="SN", G_kernel_size=3, bottom_width=4)
    kind = deep.DeepGenerator if "G_depth" in about else networks.Generator
    options = {"depth": about["G_depth"]} if "G_depth" in about else {}
    hierarchical = about.get("hier", False)
    latent_dim = about["dim_z"]
    if hierarchical and not options:
        latent_dim = networks.latent_length(latent_dim, len(networks.GENERATORS[about["resolution"]]) - 1)
    G = kind(
        about["resolution"],
        about["G_ch"],
        latent_dim,
        about["n_classes"],
        arrays["shared.weight"].shape[1] if about.get("G_shared", True) else 0,
        hierarchical,
        attention=sizes(about.get("G_attn", "64")),
        bn_eps=about.get("BN_eps", 1e-5),
        sn_eps=about.get("SN_eps", 1e-12),
        channels=arrays["output_layer.2.weight"].shape[0],
        **options,
    )
    for m in G.modules():
        if isinstance(m, layers.BatchNorm2d):
            m.biased = about.get("mybn", False)
    return loaded(G, about, arrays, "G")


def discriminator(about: dict, arrays: dict) -> nn.Module:
    only(about, D_param="SN", D_kernel_size=3, output_dim=1)
    first = arrays.get("input_conv.weight", arrays["blocks.0.0.conv1.weight"])
    common = {
        "attention": sizes(about.get("D_attn", "64")),
        "sn_eps": about.get("SN_eps", 1e-12),
        "channels": first.shape[1],
    }
    common |= {"depth": about["D_depth"]} if "D_depth" in about else {"wide": about.get("D_wide", True)}
    kind = deep.DeepDiscriminator if "D_depth" in about else networks.Discriminator
    D = kind(about["resolution"], about["D_ch"], about["n_classes"], **common)
    return loaded(D, about, arrays, "D")


def loaded(net: nn.Module, about: dict, arrays: dict, of: str) -> nn.Module:
    for m in net.modules():
        if isinstance(m, layers.SpectralNorm):
            m.start_u(about.get(f"num_{of}_SVs", 1))
            m.n_iter = about.get(f"num_{of}_SV_itrs", 1)
    state = official.convert(arrays, of, depth(about, of))
    values = {name.replace(".u", ".sv"): t for name, t in state.items() if name.endswith(".u")}
    net.load_state_dict({name: torch.ones(len(u)) for name, u in values.items()} | state)
    return net.double()


def check(v: Vectors, net: nn.Module, of: str, inputs: tuple[Tensor, Tensor]) -> None:
    """Eval (nothing moves), train with gradients, the buffers after it, a second train pass."""
    per_stage, tolerance = depth(v.meta["constructor"], of), {}
    if v.meta["dtype"].startswith("float32 run"):  # of "atol 2e-5 (float32)"; mybn casts to float32 inside
        tolerance = {"rtol": 0, "atol": float(re.search(r"atol (\S+)", v.meta["tolerance"])[1])}
    before = {k: t.clone() for k, t in net.state_dict().items()}
    net.eval()
    close(net(*inputs), v["output/eval"], "eval", **tolerance)
    assert all(torch.equal(t, before[k]) for k, t in net.state_dict().items())
    net.train()
    x = inputs[0].requires_grad_("output/train_grad_x" in v)
    out = net(x, inputs[1])
    close(out, v["output/train"], "train", **tolerance)
    if moved := official.convert(v.group("output/train_state/"), of, per_stage):
        for name, tensor in net.state_dict().items():
            close(tensor, moved.get(name, before[name]), f"{name} after one pass", **tolerance)
    if "input/cotangent" in v:
        (out * v["input/cotangent"].reshape(out.shape)).sum().backward()
        grads = dict(net.named_parameters())
        for name, grad in official.convert(v.group("output/train_grad/"), of, per_stage).items():
            close(grads[name].grad, grad, f"gradient of {name}", **tolerance)
        if x.requires_grad:
            close(x.grad, v["output/train_grad_x"], "gradient of x", **tolerance)
    if "output/train_second" in v:
        close(net(*inputs), v["output/train_second"], "second pass", **tolerance)
    net.load_state_dict(before)
    net.eval()


@pytest.mark.parametrize("path", [*files("biggan-g*.npz"), *files("biggan-deep-g*.npz")])
def test_generators(path):
    v = Vectors(path)
    G = generator(v.meta["constructor"], v.group("param/"))
    z, y = v["input/z"], v["input/y"]
    check(v, G, "G", (z, y))
    if "output/eval_mixed_class" in v:
        e = G.embedding(y)
        close(G(z, 0.25 * e + 0.75 * e.flip(0)), v["output/eval_mixed_class"], "mixed classes")


@pytest.mark.parametrize("path", [*files("biggan-d[0-9]*.npz"), *files("biggan-deep-d*.npz")])
def test_discriminators(path):
    v = Vectors(path)
    D = discriminator(v.meta["constructor"], v.group("param/"))
    check(v, D, "D", (v["input/x"], v["input/y"]))


@pytest.mark.parametrize("path", files("biggan-deep-tfhub-layout*.npz"))
def test_released_generator(path):
    v = Vectors(path)
    about = v.meta["constructor"]
    if not 0 < about["attention_layer_position"] < len(about["layers"]):
        pytest.skip("the one attention layer lies between two blocks in every released generator")
    label = v["input/class_onehot"]
    arrays = {k: v[f"param/{k}"].numpy() for k in v.group("param/")}
    for i, truncation in enumerate(v["input/truncations"].tolist()):
        G = official.tfhub_generator(
            arrays,
            about["layers"],
            about["attention_layer_position"],
            about["channel_width"],
            truncation,
            about["eps"],
        )
        e = label @ v["param/embeddings.weight"].t()  # one row of one for a class, or a mixture
        close(G(v["input/z"], e), v[f"output/eval_trunc{i}"], f"truncation {truncation}")


@pytest.mark.parametrize("path", files("biggan-standing*.npz"))
def test_standing_statistics(path):
    v = Vectors(path)
    about = v.meta["constructor"] | {"mybn": True}  # nothing else has standing statistics
    per_stage, z, y = depth(about, "G"), v["input/z"], v["input/y"]

    def fresh() -> nn.Module:
        return generator(about, v.group("param/"))

    def agree(ours: Tensor, key: str) -> None:
        close(ours, v[key], key, rtol=0, atol=2e-5)

    G = fresh().eval()
    agree(G(z, y), "output/eval_running")
    agree(G.train()(z, y), "output/train")
    for name, tensor in official.convert(v.group("output/train_state/"), "G", per_stage).items():
        close(G.state_dict()[name], tensor, name, rtol=0, atol=2e-5)

    G, n = fresh(), v.meta["num_accumulations"]
    layers.standing_statistics(G, ((v[f"input/acc_z{i}"], v[f"input/acc_y{i}"]) for i in range(n)))
    for name, tensor in official.convert(v.group("output/standing_state/"), "G", per_stage).items():
        total = n if "running" in name else 1  # BP keeps sums and divides by their number later
        close(G.state_dict()[name] * total, tensor, name, rtol=0, atol=2e-5)
    assert not G.training
    agree(G(z, y), "output/eval_standing")
    one = G(z[:1], y[:1])
    torch.testing.assert_close(one, G(z, y)[:1], rtol=1e-10, atol=1e-12)  # no sample depends on another


@pytest.mark.parametrize("path", files("biggan-sn_power_iteration*.npz"))
def test_power_iteration(path):
    v = Vectors(path)
    for case, train_flags in v.meta["train_flags"].items():
        w0 = v[f"param/{case}/W0"]
        if w0.ndim == 4:
            layer = layers.SNConv2d(w0.shape[1], w0.shape[0], w0.shape[2])
        else:
            kind = layers.SNEmbedding if case.startswith("embed") else layers.SNLinear
            layer = kind(*(w0.shape if kind is layers.SNEmbedding else w0.t().shape))
        n = len([k for k in v.arrays if k.startswith(f"param/{case}/u")])
        layer.start_u(n)
        layer = layer.double()
        itrs = re.search(r"_itrs(\d+)", case)
        layer.n_iter = int(itrs[1]) if itrs else 1
        layer.weight.data = w0
        layer.u = torch.cat([v[f"param/{case}/u{i}_0"] for i in range(n)])
        for t, train in enumerate(train_flags):
            if t:
                layer.weight.data = layer.weight.data + v[f"input/{case}/dW{t}"]
            layer.train(bool(train))
            normalized = layer.normalized_weight()
            close(normalized, v[f"output/{case}/W_bar{t}"], f"{case} {t}: weight", rtol=1e-9)
            (grad,) = torch.autograd.grad((normalized * v[f"input/{case}/R{t}"]).sum(), layer.weight)
            close(grad, v[f"output/{case}/grad_W{t}"], f"{case} {t}: gradient", rtol=1e-9)
            for i in range(n):
                close(layer.u[i], v[f"output/{case}/u{i}_stored{t}"], f"{case} {t}: u{i}", rtol=1e-9)
                close(layer.sv[i], v[f"output/{case}/sv{i}_stored{t}"], f"{case} {t}: sv{i}", rtol=1e-9)


@pytest.mark.parametrize("path", files("biggan-losses*.npz"))
def test_losses(path):
    v = Vectors(path)
    for theirs, ours in {"hinge": "hinge", "dcgan": "nonsaturating"}.items():
        loss_d, loss_g = ADVERSARIAL[ours]
        real, fake = v["input/dis_real"].requires_grad_(), v["input/dis_fake"].requires_grad_()
        total = loss_d(real, fake)
        close(total, v[f"output/{theirs}/loss_real"] + v[f"output/{theirs}/loss_fake"], "D loss", rtol=1e-12)
        d_real, d_fake = torch.autograd.grad(total, (real, fake))
        close(d_real, v[f"output/{theirs}/d_real"], "gradient on real logits", rtol=1e-12)
        close(d_fake, v[f"output/{theirs}/d_fake"], "gradient on fake logits", rtol=1e-12)
        value = loss_g(fake)
        close(value, v[f"output/{theirs}/loss_gen"], "G loss", rtol=1e-12)
        (grad,) = torch.autograd.grad(value, fake)
        close(grad, v[f"output/{theirs}/gen_d_fake"], "gradient of the G loss", rtol=1e-12)


@pytest.mark.parametrize("path", files("biggan-ortho*.npz"))
def test_orthogonal_regulariser(path):
    v = Vectors(path)
    weights = {k: w for k in v.group("param/") if (w := v[f"param/{k}"]).ndim > 1}
    for name, weight in weights.items():
        value = orthogonality(weight.requires_grad_())
        (exact,) = torch.autograd.grad(value, weight)
        if f"output/derived_penalty/{name}" in v:
            close(value, v[f"output/derived_penalty/{name}"], f"penalty of {name}", rtol=1e-12)
            close(exact, v[f"output/derived_exact_grad/{name}"], f"gradient of {name}", rtol=1e-12)
    excluded = re.split(r"[\s,]+", v.meta.get("blacklist", ""))  # as the shared embedding is
    strengths = {k.split("/")[0].split("_")[1] for k in v.group("output/") if k.startswith("ortho_")}
    assert strengths
    for strength in strengths:
        for name in v.group("param/"):
            weight, expected = v[f"param/{name}"], v[f"input/grad_before/{name}"]
            if name in weights and name not in excluded:
                value = ORTHO["released"] * float(strength) * orthogonality(weight.requires_grad_())
                expected = expected + torch.autograd.grad(value, weight)[0]
            close(expected, v[f"output/ortho_{strength}/{name}"], f"{name} at {strength}", rtol=1e-12)


class Replayed(BigGAN):
    """BigGAN with the vectors' latents and fake classes in the order they are consumed; keeps each step's state."""

    def replay(self, v: Vectors, adam: list[dict]) -> None:
        self.v, self.z, self.y, self.after, self.losses, self.adam = v, 0, 0, [], [], adam

    def configure_optimizers(self):
        """The module's own, with what the authors' options set for each network apart."""
        optimizers = with_modern_adam(super().configure_optimizers())
        for optimizer, options in zip(optimizers, self.adam, strict=True):
            optimizer.param_groups[0].update(options)
        return optimizers

    def latents(self, n):
        z = self.v[f"input/z{self.z}"]
        self.z += 1
        return z[:n]

    def random_labels(self, n):
        y = self.v[f"input/y_fake{self.y}"]
        self.y += 1
        return y[:n]

    def report(self, scalars):
        super().report(scalars)
        self.after.append({k: t.clone() for k, t in self.state_dict().items() if isinstance(t, Tensor)})
        self.losses.append({k: torch.as_tensor(s).detach() for k, s in scalars.items()})


@pytest.mark.parametrize("path", files("biggan-train-step*.npz"))
def test_training_steps(path):
    """The module's own training_step under Lightning, in float64, against the official training function."""
    v = Vectors(path)
    about = v.meta["constructor"]
    gen, dis, train = about["gen"], about["dis"], about["train"]
    size = train["batch_size"]
    size_g = max(train.get("G_batch_size", 0), size)
    images = size * train["num_D_accumulations"] * train["num_D_steps"]
    G, D = generator(gen, v.group("param/gen/")), discriminator(dis, v.group("param/dis/"))
    gan = Replayed(
        resolution=gen["resolution"],
        n_classes=gen["n_classes"],
        hierarchical=False,  # the networks are the file's, see below
        width_g=4,
        width_d=4,
        batch_size=size * train["num_D_accumulations"],
        batch_size_g=size_g * train["num_G_accumulations"],
        d_steps=train["num_D_steps"],
        accumulate_d=train["num_D_accumulations"],
        accumulate_g=train["num_G_accumulations"],
        split_d=train.get("split_D", False),
        lr_g=gen["G_lr"],
        lr_d=dis["D_lr"],
        ortho=train.get("G_ortho", 0.0),
        ortho_d=train.get("D_ortho", 0.0),
        ortho_gradient="released",
        ema_decay=about.get("ema_decay", 0.9999),
        ema_start_kimg=about.get("ema_start", 0) * images / 1000,
    )
    gan.use_networks(G, D, v["input/z0"].shape[1])
    adam = ((gen, "G"), (dis, "D"))
    gan.replay(
        v,
        [{"betas": (of[f"{k}_B1"], of[f"{k}_B2"]), "eps": of["adam_eps"]} for of, k in adam],
    )
    n = len([k for k in v.arrays if k.startswith("input/x")])
    fit(gan, [(v[f"input/x{i}"], v[f"input/y{i}"]) for i in range(n)])
    assert gan.nimg == n * images
    for i in range(n):
        prefix = f"output/iter{i}/"
        losses = gan.losses[i]
        close(losses["loss/g"] / train["num_G_accumulations"], v[prefix + "G_loss"], "G loss")
        close(losses["loss/d"], v[prefix + "D_loss_real"] + v[prefix + "D_loss_fake"], "D loss")
        for ours, (theirs, of) in {"G": ("gen/", "G"), "G_ema": ("ema/", "G"), "D": ("dis/", "D")}.items():
            expected = official.convert(v.group(prefix + theirs), of, depth(gen if of == "G" else dis, of))
            assert expected or (ours == "G_ema" and not train.get("ema", True))
            for name, value in expected.items():
                close(gan.after[i][f"{ours}.{name}"], value, f"iteration {i}, {ours}.{name}", rtol=0, atol=1e-8)
