"""SNGAN's networks, losses, power iteration and whole update steps against the authors' Chainer code.

Replayed in float64 at the tolerance the vectors state (rtol 1e-7). Everything is built from a file's meta and
the shapes in it.
"""

import re

import pytest
import torch
from fitting import fit
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from vectors import Vectors, close, counterpart, files, with_epsilon

from zoo.networks import sngan as networks
from zoo.networks import sngan_cnn
from zoo.networks.layers import SNConv2d, SNEmbedding, SNLinear, power_iteration
from zoo.objectives.losses import ADVERSARIAL
from zoo.official import sngan as official
from zoo.papers.sngan import SNGAN


def loaded(net: nn.Module, arrays: dict, rules: list) -> nn.Module:
    """`net` in float64 with every one of its parameters and buffers taken from `arrays`."""
    state = official.convert(arrays, rules)
    missing, unexpected = net.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(k.endswith("num_batches_tracked") for k in missing), missing
    return net.double()


class VarianceQuirk:
    """On the CPU Chainer 3.3 averages (variance + eps) * m / (m - 1); this follows the extra eps exactly."""

    def __init__(self, net: nn.Module) -> None:
        self.extra = {}
        for name, module in net.named_modules():
            if isinstance(module, _BatchNorm):
                self.extra[name] = 0.0
                module.register_forward_pre_hook(self.hook(name))

    def hook(self, name: str):
        def follow(module: _BatchNorm, args: tuple) -> None:
            if module.training:
                m = args[0].numel() / args[0].shape[1]
                self.extra[name] = 0.9 * self.extra[name] + 0.1 * m / (m - 1) * module.eps

        return follow

    def check(self, net: nn.Module, expected: dict, what: str, atol: float = 1e-12) -> None:
        state = net.state_dict()
        for name, value in expected.items():
            ours = state[name]
            if name.endswith("running_var"):
                ours = ours + self.extra[name.removesuffix(".running_var")]
            close(ours, value, f"{what} {name}", atol=atol)


def check_state(net: nn.Module, arrays: dict, rules: list, what: str) -> None:
    state = net.state_dict()
    for name, value in official.convert(arrays, rules).items():
        close(state[name], value, f"{what} {name}")


def check_discriminator(D: nn.Module, v: Vectors, rules: list, prefix: str = "dis_train") -> None:
    """Train pass with gradients of sum(logit * cotangent), the vectors u after it, and a second pass."""
    x = v["input/x"].requires_grad_()
    y = v.get("input/y_dis")
    if "output/dis_eval" in v:
        before = {k: u.clone() for k, u in D.state_dict().items()}
        D.eval()
        close(D(x, y), v["output/dis_eval"], "D in test mode")
        changed = official.convert(v.group("output/dis_eval_state/"), rules)
        for name, u in D.state_dict().items():
            close(u, changed.get(name, before[name]), f"test mode {name}")
        D.load_state_dict(before)
    D.train()
    logits = D(x, y)
    close(logits, v[f"output/{prefix}"], "D in train mode")
    check_state(D, v.group(f"output/{prefix}_state/"), rules, "u after one pass")
    if "input/dis_cotangent" in v:
        (logits * v["input/dis_cotangent"].flatten()).sum().backward()
        if v.group(f"output/{prefix}_grad_x"):
            close_sub4(x.grad, v, f"output/{prefix}_grad_x")
        grads = dict(D.named_parameters())
        for name, grad in official.convert(v.group(f"output/{prefix}_grad/"), rules).items():
            close(grads[name].grad, grad, f"gradient of {name}")
    if f"output/{prefix}_second" in v:
        close(D(x, y), v[f"output/{prefix}_second"], "second pass of D")


def close_sub4(ours: torch.Tensor, v: Vectors, key: str) -> None:
    """Images may be stored whole or at every fourth pixel; gen_eval may be stored in float32."""
    if key in v:
        single = v.arrays[key].dtype == "float32"
        close(ours, v[key], key, **({"rtol": 1e-6, "atol": 1e-7} if single else {}))
    else:
        close(ours[..., ::4, ::4], v[f"{key}_sub4"], key)


def check_generator(G: nn.Module, v: Vectors, rules: list) -> None:
    z = v["input/z"].flatten(1)
    y = v.get("input/y_gen")
    G.eval()
    close_sub4(G(z, y), v, "output/gen_eval")
    G.train()
    quirk = VarianceQuirk(G)
    close_sub4(G(z, y), v, "output/gen_train")
    quirk.check(G, official.convert(v.group("output/gen_train_state/"), rules), "batch norm")


@pytest.mark.parametrize("path", files("sngan-resnet*.npz"))
def test_resnet(path):
    v = Vectors(path)
    params, resolution, latent_dim = v.arrays, v["input/x"].shape[-1], v["input/z"].shape[1]
    classes_d = len(params["param/dis/l_y/W"]) if "param/dis/l_y/W" in params else 0
    classes_g = len(params["param/gen/block2/b1/gammas/W"]) if "param/gen/block2/b1/gammas/W" in params else 0
    width_d = params["param/dis/block1/c1/W"].shape[0]
    first = networks.GENERATORS[resolution][2]  # channels of the first map, in widths
    width_g = params["param/gen/block2/c1/W"].shape[1] // first
    G = networks.ResNetGenerator(resolution, width_g, latent_dim, classes_g)
    D = networks.ResNetDiscriminator(resolution, width_d, classes_d)
    check_generator(loaded(G, v.group("param/gen/"), official.RESNET_GENERATOR), v, official.RESNET_GENERATOR)
    D = loaded(D, v.group("param/dis/"), official.RESNET_DISCRIMINATOR)
    check_discriminator(D, v, official.RESNET_DISCRIMINATOR)


@pytest.mark.parametrize("path", files("sngan-concat*.npz"))
def test_concat(path):
    v = Vectors(path)
    n_classes, dim = v.arrays["param/dis/l_y/W"].shape
    width = v.arrays["param/dis/block1/c1/W"].shape[0]
    D = networks.ConcatDiscriminator(v["input/x"].shape[-1], width, n_classes, dim)
    D = loaded(D, v.group("param/dis/"), official.RESNET_DISCRIMINATOR)
    check_discriminator(D, v, official.RESNET_DISCRIMINATOR)


@pytest.mark.parametrize("path", files("sngan-cnn-cgl*.npz"))
def test_cnn_cgl(path):
    v = Vectors(path)
    resolution = v["input/x"].shape[-1]
    width_g = v.meta["constructor"]["gen"]["ch"] // 8
    width_d = v.meta["constructor"]["dis"]["ch"] // 8
    G = sngan_cnn.cgl_generator(resolution, width_g, v["input/z"].shape[1])
    check_generator(loaded(G, v.group("param/gen/"), official.CNN_GENERATOR), v, official.CNN_GENERATOR)
    D = loaded(sngan_cnn.cgl_discriminator(resolution, width_d), v.group("param/dis/"), official.CNN_DISCRIMINATOR)
    check_discriminator(D, v, official.CNN_DISCRIMINATOR, prefix="dis")


@pytest.mark.parametrize("path", files("sngan-cnn-paper-dis*.npz"))
def test_cnn_of_the_paper(path):
    """Derived vectors (paper Table 3b composed of official layers): the authors never released this network."""
    v = Vectors(path)
    for size in v.meta["constructor"]["sizes"]:
        arrays = v.group(f"param/dis{size}/")
        widths = [arrays[f"c{i}/W"].shape[0] for i in range(7)]
        D = loaded(sngan_cnn.CNNDiscriminator(size, widths), arrays, official.CNN_DISCRIMINATOR)
        close(D(v[f"input/x{size}"]), v[f"output/dis{size}_train"], f"logits at {size} px")
        check_state(D, v.group(f"output/dis{size}_train_state/"), official.CNN_DISCRIMINATOR, "u")


def rounds_and_factor(v: Vectors, case: str) -> tuple[int, float]:
    """Rounds of iteration and the factor that divides sigma: in words in meta, or in the case's name."""
    words = str(v.meta["constructor"].get("Ip", 1))
    special = re.search(rf"\b{case} \(Ip=(\d+)(?:, factor=([\d.]+))?\)", words)
    special = special or re.search(r"_ip(\d+)_factor([\d.]+)$", case)
    if special:
        return int(special[1]), float(special[2] or 1)
    return int(re.match(r"\d+", words)[0]), 1.0


@pytest.mark.parametrize("path", files("sngan-sn_power_iteration*.npz"))
def test_power_iteration(path):
    v = Vectors(path)
    for case, train_flags in v.meta["train_flags"].items():
        w0, u0 = v[f"param/{case}/W0"], v[f"param/{case}/u0"].flatten()
        kind = {4: SNConv2d, 2: SNLinear}[w0.ndim] if not case.startswith("embed") else SNEmbedding
        if kind is SNConv2d:
            layer = SNConv2d(w0.shape[1], w0.shape[0], w0.shape[2])
        else:
            layer = kind(*(w0.shape if kind is SNEmbedding else w0.t().shape))
        layer = layer.double()
        layer.n_iter, factor = rounds_and_factor(v, case)
        layer.weight.data, layer.u = w0, u0
        for t, train in enumerate(train_flags):
            if t:
                layer.weight.data = layer.weight.data + v[f"input/{case}/dW{t}"]
            layer.train(bool(train))
            sigma, u, vector = power_iteration(layer.weight, layer.u, layer.n_iter)
            close(sigma, v[f"output/{case}/sigma{t}"], "sigma", rtol=1e-9)
            close(u, v[f"output/{case}/u_iter{t}"], "u", rtol=1e-9)
            close(vector, v[f"output/{case}/v{t}"], "v", rtol=1e-9)
            normalized = layer.normalized_weight() * factor
            close(normalized, v[f"output/{case}/W_bar{t}"], "normalised weight", rtol=1e-9)
            (grad,) = torch.autograd.grad((normalized * v[f"input/{case}/R{t}"]).sum(), layer.weight)
            close(grad, v[f"output/{case}/grad_W{t}"], "gradient", rtol=1e-9, atol=1e-9)
            close(layer.u, v[f"output/{case}/u_stored{t}"], "stored u", rtol=1e-9)
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
        close(largest, v[f"output/{case}/true_sigma_last"], "true sigma", rtol=1e-9)


LOSSES = {"hinge": "hinge", "dcgan": "nonsaturating"}


@pytest.mark.parametrize("path", files("sngan-losses*.npz"))
def test_losses(path):
    v = Vectors(path)
    losses = {key.split("/")[0] for key in v.group("output/")}
    assert losses
    for theirs in sorted(losses):
        loss_d, loss_g = ADVERSARIAL[counterpart(LOSSES, theirs, "loss")]
        real, fake = v["input/dis_real"].requires_grad_(), v["input/dis_fake"].requires_grad_()
        value = loss_d(real, fake)
        close(value, v[f"output/{theirs}/loss_dis"], "D loss", rtol=1e-12)
        d_real, d_fake = torch.autograd.grad(value, (real, fake))
        close(d_real, v[f"output/{theirs}/d_real"], "D loss gradient, real", rtol=1e-12)
        close(d_fake, v[f"output/{theirs}/d_fake"], "D loss gradient, fake", rtol=1e-12)
        value = loss_g(fake)
        close(value, v[f"output/{theirs}/loss_gen"], "G loss", rtol=1e-12)
        close(torch.autograd.grad(value, fake)[0], v[f"output/{theirs}/gen_d_fake"], "G loss gradient", rtol=1e-12)


def adam(text: str) -> dict[str, float]:
    """`alpha 2e-4, beta1 0, beta2 0.9, eps 1e-8 ...` as arguments of SNGAN, and eps."""
    said = {k: float(x) for k, x in re.findall(r"(alpha|beta1|beta2|eps) ([\d.e-]+\d|\d)", text)}
    return {"lr": said.pop("alpha")} | said


class Replayed(SNGAN):
    """SNGAN with the vectors' latents and fake classes in the order they are consumed; keeps each step's state."""

    def replay(self, v: Vectors, epsilon: float) -> None:
        self.z, self.y = (iter(sorted(map(int, v.group(f"input/{kind}")))) for kind in ("z", "y_fake"))
        self.epsilon = epsilon
        self.v, self.after, self.losses = v, [], []
        self.quirk, self.extras = VarianceQuirk(self.G), []

    def configure_optimizers(self):
        return with_epsilon(super().configure_optimizers(), self.epsilon)

    def latents(self, n):
        z = self.v[f"input/z{next(self.z)}"]
        assert len(z) == n
        return z

    def random_labels(self, n):
        return self.v[f"input/y_fake{next(self.y)}"] if self.n_classes else None

    def report(self, scalars):
        super().report(scalars)
        self.after.append({k: t.clone() for k, t in self.state_dict().items() if isinstance(t, torch.Tensor)})
        self.losses.append((scalars["loss/g"].detach(), scalars["loss/d"].detach()))
        self.extras.append(dict(self.quirk.extra))


@pytest.mark.parametrize("path", files("sngan-update*.npz"))
def test_update_steps(path):
    """The module's own training_step under Lightning, in float64, against Updater.update_core."""
    v = Vectors(path)
    about = v.meta["constructor"]
    n_dis, batch = about["n_dis"], about["batch"]
    n_steps = len([k for k in v.arrays if k.endswith("loss_gen")])
    resolution, optimizer = v["input/x_real0"].shape[-1], adam(about["adam"])
    epsilon = optimizer.pop("eps", 1e-8)
    gan = Replayed(
        resolution=resolution,
        architecture="resnet",
        n_classes=about["gen"]["n_classes"],
        width_g=about["gen"]["ch"],
        width_d=about["dis"]["ch"],
        latent_dim=about["gen"]["dim_z"],
        loss=counterpart(LOSSES, about["loss"], "loss"),
        n_dis=n_dis,
        batch_size=batch,
        batch_size_g=about["n_gen_samples"],
        decay_start_kimg=None,
        **optimizer,
    )
    loaded(gan.G, v.group("param/gen/"), official.RESNET_GENERATOR)
    loaded(gan.D, v.group("param/dis/"), official.RESNET_DISCRIMINATOR)
    gan.replay(v, epsilon)
    batches = []
    for step in range(n_steps):
        reals = range(step * n_dis, (step + 1) * n_dis)
        labels = torch.cat([v[f"input/y_real{j}"] for j in reals]) if gan.n_classes else None
        batches.append((torch.cat([v[f"input/x_real{j}"] for j in reals]), labels))
    fit(gan, batches)
    assert gan.nimg == n_steps * n_dis * batch
    for step in range(n_steps):
        loss_g, loss_d = gan.losses[step]
        close(loss_g, v[f"output/iter{step}/loss_gen"], "G loss")
        close(loss_d, v[f"output/iter{step}/loss_dis_last"], "D loss")
        expected = {
            f"G.{k}": t
            for k, t in official.convert(v.group(f"output/iter{step}/gen/"), official.RESNET_GENERATOR).items()
        } | {
            f"D.{k}": t
            for k, t in official.convert(v.group(f"output/iter{step}/dis/"), official.RESNET_DISCRIMINATOR).items()
        }
        for name, value in expected.items():
            ours = gan.after[step][name]
            if name.endswith("running_var"):
                ours = ours + gan.extras[step][name.removeprefix("G.").removesuffix(".running_var")]
            close(ours, value, f"step {step}, {name}", rtol=0, atol=1e-7)
