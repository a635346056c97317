"""The baselines' networks, losses and whole training steps against their official codes.

Everything is built from a file's meta and the shapes in it, computed in float64. Tolerances are those that the
files state: of float64 vectors 1e-6 and better, of Keras' and TensorFlow's float32 1e-5 to 1e-4 of outputs, 1e-4 to
1e-3 of the largest gradient.
"""

import re
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from replay import (
    constant,
    load,
    moved_alike,
    near,
    near_each,
    own_step,
    prefixed,
    replayed,
    same,
)
from scipy.integrate import solve_ivp
from torch import Tensor, nn
from vectors import Vectors, close, files, known

from zoo.baselines.bigan import BiGAN
from zoo.baselines.bigan_qp import BiGAN_QP
from zoo.baselines.cgan import CGAN
from zoo.baselines.dcgan import DCGAN
from zoo.baselines.fgan import FGAN
from zoo.baselines.gan_qp import GAN_QP
from zoo.baselines.wgan import WGAN
from zoo.baselines.wgan_div import WGAN_Div
from zoo.baselines.wgan_gp import WGAN_GP
from zoo.evaluation.parzen import log_likelihoods, mean_and_error
from zoo.networks import bigan, cgan, dcgan, introvae, keras_dcgan
from zoo.networks.conopt import MLP
from zoo.networks.mlp import PointCritic, PointGenerator
from zoo.networks.progressive import instance_norm, leaky, pixel_norm, upscale
from zoo.networks.stylegan_synthesis import AddNoise
from zoo.networks.wgan_gp import CIFARCritic, CIFARGenerator, GoodCritic, GoodGenerator
from zoo.networks.wgan_gp_cnn import CNNCritic, CNNGenerator
from zoo.networks.wgan_mlp import MLPCritic, MLPGenerator
from zoo.objectives import losses, penalties
from zoo.objectives.divergences import DIVERGENCES, f_gan_d, f_gan_g
from zoo.official import baselines as official
from zoo.official import ctgan as tflib

TINY = {"resolution": 8, "width_g": 1, "width_d": 1}


def state_of(gan) -> dict[str, Tensor]:
    return {k: t.clone() for k, t in gan.state_dict().items() if isinstance(t, Tensor)}


def doubled(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: t.double() for k, t in state.items()}


def negated(state: dict[str, Tensor], *names: str) -> dict[str, Tensor]:
    """A critic with the other sign: the codes that minimise D(x) - D(G(z)) mean by D what is -D here."""
    return {k: -t if k in names else t for k, t in state.items()}


# ---- Newmu/dcgan_code: DCGAN, and the conditional one for MNIST


def check_theano(v: Vectors, gan, G: nn.Module, D: nn.Module, convert, label: Tensor | None) -> None:
    """Outputs, losses, gradients, one and three D updates and one of G, each from the stored weights."""
    x, z = v["input/X"], v["input/Z"]
    given = [] if label is None else [label]
    start = {"G": doubled(convert(v.group("param/"), "g")), "D": doubled(convert(v.group("param/"), "d"))}
    load(G.double(), start["G"])
    load(D.double(), start["D"])
    fake = G(z, *given)
    same(fake, v, "output/gX", 1e-6)
    real_logits, fake_logits = D(x, *given), D(fake.detach(), *given)
    same(real_logits.sigmoid(), v, "output/p_real", 1e-6)
    same(fake_logits.sigmoid(), v, "output/p_gen", 1e-6)
    same(F.softplus(-real_logits).mean(), v, "output/d_cost_real", 1e-6)
    same(F.softplus(fake_logits).mean(), v, "output/d_cost_gen", 1e-6)

    def d_step(gan, x, *given):
        gan.z.append(z)
        gan.discriminator_step(x, *(given or (gan.latents(len(x)),)))

    def g_step(gan, x, *given):
        gan.z.append(z)
        gan.generator_step(*(given or (gan.latents(len(x)),)))

    for player, steps, n, key in (
        ("d", d_step, 1, "d_step"),
        ("d", d_step, 3, "d_3steps"),
        ("g", g_step, 1, "g_step"),
    ):
        net = player.upper()
        load(G, start["G"])
        load(D, start["D"])
        first = {}

        def step(gan, *batch, steps=steps, player=player, first=first):
            steps(gan, *batch)
            first.setdefault("grad", gan.grad[player])
            first.setdefault("total", gan.total[player])

        gan.replay({"G": G, "D": D}, [], step, [(x, *given)] * n)
        same(first["total"], v, f"output/{player}_cost", 1e-6)
        grad = prefixed(f"{net}.", convert(v.group(f"grad_{player}_cost/"), player))
        near_each(first["grad"], grad, f"gradient of {player}_cost", 1e-5, largest=True)
        delta = prefixed(f"{net}.", convert(v.group(f"delta_{key}/"), player))
        before = prefixed(f"{net}.", start[net])
        moved_alike(gan.after[player], before, delta, grad, f"delta_{key}", 1e-7, 1e-6)


def adam_of(v: Vectors, l2: float) -> dict[str, float]:
    return {
        "lr": constant(v, r"\blr[ =]+([\d.e-]+)", 2e-4),
        "beta1": constant(v, r"\bb(?:eta)?1[ =]+([\d.e-]*\d)", 0.5),
        "l2": constant(v, r"\bl2[ =]+([\d.e-]*\d)", l2),
    }


@pytest.mark.parametrize("path", files("baselines-dcgan*.npz"))
def test_dcgan(path):
    v = Vectors(path)
    _, channels, size, _ = v["input/X"].shape
    G = dcgan.TheanoGenerator(size, v["param/gwx"].shape[0], v["input/Z"].shape[1], channels)
    D = dcgan.TheanoDiscriminator(size, len(v["param/dw"]), channels)
    gan = replayed(DCGAN, **TINY, **adam_of(v, 1e-5))
    check_theano(v, gan, G, D, official.convert_theano, None)


@pytest.mark.parametrize("path", files("baselines-cgan-dcgan*.npz"))
def test_conditional_dcgan(path):
    v = Vectors(path)
    label, (_, channels, size, _) = v["input/labels"], v["input/X"].shape
    n_classes = v["param/dw"].shape[1] - channels
    G = cgan.MNISTGenerator(
        size, v["param/gw3"].shape[1], v["param/gw"].shape[1], v["input/Z"].shape[1], n_classes, channels
    )
    D = cgan.MNISTDiscriminator(size, len(v["param/dw"]), v["param/dw3"].shape[1], n_classes, channels)
    options = {"resolution": 4, "architecture": "mnist", "width_g": 1, "width_d": 1, "n_classes": n_classes}
    gan = replayed(CGAN, **options, optimizer="adam", half=False, **adam_of(v, 2.5e-5))
    check_theano(v, gan, G, D, official.convert_conditional, label)


# ---- CGAN's maxout pair


@pytest.mark.parametrize("path", files("baselines-cgan-maxout*.npz"))
def test_maxout_pair(path):
    v = Vectors(path)
    z, label, x = v["input/z"], v["input/labels"], v["input/x"]
    pieces = tuple(v["input/pieces_x_y_joint"].tolist())
    n_classes = len(v["param/G.y.W"])
    sizes = {k.removeprefix("param/"): len(v[k]) for k in v.arrays if k.endswith(".b") and k.startswith("param/")}
    G = cgan.MaxoutGenerator(
        (1, 1, x.shape[1]), (sizes["G.z.b"], sizes["G.y.b"], sizes["G.joint.b"]), z.shape[1], n_classes
    )
    units = tuple(sizes[f"D.{k}.b"] // p for k, p in zip(("x", "y", "joint"), pieces, strict=True))
    D = cgan.MaxoutDiscriminator(x.shape[1], units, pieces, n_classes)

    def convert(prefix: str) -> dict[str, Tensor]:
        state = {}
        for name, array in v.group(prefix).items():
            net, layer, leaf = name.split(".")
            inner = ".linear" if net == "D" and layer != "out" else ""
            leaf = {"W": "weight", "b": "bias"}[leaf]
            state[f"{net}.{layer}{inner}.{leaf}"] = torch.from_numpy(array).t().contiguous()
        return state

    params = convert("param/")
    for net, name in ((G, "G."), (D, "D.")):
        load(net.double(), {k.removeprefix(name): t for k, t in params.items() if k.startswith(name)})
        for dropout in (m for m in net.modules() if isinstance(m, nn.Dropout)):
            dropout.p = 0.0  # the file is computed without
    same(G(z, label).flatten(1), v, "output/G", 1e-10)
    same(D(x, label), v, "output/logit_real", 1e-10)
    same(D(G(z, label), label), v, "output/logit_fake", 1e-10)

    options = {"resolution": 4, "width_g": 1, "width_d": 2, "n_classes": n_classes}
    for player, key in (("d", "d_loss_half"), ("g", "g_loss_nonsaturating")):
        gan = replayed(CGAN, **options)
        load(G, {k[2:]: t for k, t in params.items() if k.startswith("G.")})
        load(D, {k[2:]: t for k, t in params.items() if k.startswith("D.")})

        def step(gan, x, label, player=player):
            if player == "d":
                gan.discriminator_step(x, label)
            else:
                gan.generator_step(label)

        gan.replay({"G": G, "D": D}, [z], step, [(x, label)])
        same(gan.total[player], v, f"output/{key}", 1e-10)
        near_each(gan.grad[player], convert(f"grad_{player}_loss/"), f"gradient of {key}", 1e-9)
        # the first step of SGD is the rate times the gradient
        for name, grad in gan.grad[player].items():
            close(gan.after[player][name], params[name] - gan.lr * grad, name)

    if "input/parzen_samples" in v:
        values = log_likelihoods(v["input/parzen_test"], v["input/parzen_samples"], v["input/parzen_sigma"].item())
        mean, error = mean_and_error(values)
        same(values, v, "output/parzen_ll_per_example", 1e-10)
        same(torch.tensor(mean, dtype=torch.float64), v, "output/parzen_ll_mean", 1e-10)
        same(torch.tensor(error, dtype=torch.float64), v, "output/parzen_ll_sem", 1e-10)


# ---- WassersteinGAN


def wasserstein_player(v: Vectors, net: str) -> tuple[nn.Module, Callable[[str], dict[str, Tensor]]]:
    """G or D of a file, whose code chooses DCGAN or MLP for each, and what reads arrays of that network under a
    prefix; the critic's with the other sign."""
    params, latent_dim = v.group(f"param/{net}/"), v["input/z"].flatten(1).shape[1]
    _, channels, size, _ = v["input/x"].shape
    if "main.0.weight" in params:
        width = len(params["main.0.bias"])
        player = MLPGenerator(size, width, latent_dim, channels) if net == "G" else MLPCritic(size, width, channels)
        convert, last = official.convert_wassersteingan_mlp, ("linear.weight", "linear.bias")
    else:
        extra = sum("extra-layers" in k and k.endswith("conv.weight") for k in params)
        if net == "G":
            final = next(a for k, a in params.items() if "final" in k)
            norm = nn.BatchNorm2d if any("batchnorm" in k for k in params) else nn.Identity
            player = dcgan.Generator(size, final.shape[0], latent_dim, channels, extra=extra, norm=norm)
        else:
            initial = next(a for k, a in params.items() if "initial" in k)
            player = dcgan.Discriminator(size, initial.shape[0], channels, extra=extra)
        convert, last = partial(official.convert_wassersteingan, of=net), (f"convs.{len(player.convs) - 1}.weight",)
    return player.double(), lambda prefix: negated(convert(v.group(prefix)), *(last if net == "D" else ()))


@pytest.mark.parametrize("path", files("baselines-wgan-*.npz"))
def test_wgan(path):
    check_wgan(Vectors(path))


def check_wgan(v: Vectors) -> None:
    """Outputs of both players, one critic step and one of G."""
    z, x = v["input/z"].flatten(1), v["input/x"]
    (G, of_g), (D, of_d) = (wasserstein_player(v, net) for net in "GD")
    start = {"G": of_g("param/G/"), "D": of_d("param/D/")}
    for name, net in (("G", G), ("D", D)):
        load(net, start[name]).eval()
    same(G(z), v, "output/G_eval", 1e-9)
    same(-D(x), v, "output/D_eval_per_sample", 1e-9, 1e-12)
    same(-D(x).mean(), v, "output/D_eval_batch_mean", 1e-9, 1e-12)
    G.train()
    D.train()

    clip = constant(v, r"clamp all critic parameters to \[-([\d.]+)", 0.01)
    lr = constant(v, r"RMSprop\(([\d.e-]+)\)", 5e-5)
    gan = replayed(WGAN, **TINY, clip=clip, lr=lr)
    seen = {}

    def step(gan, real):
        seen["fake"] = gan.G(z)
        gan.G.load_state_dict(start["G"])
        seen.update(gan.critic_step(real))
        seen["clamped"] = gan.grad["d"]
        seen.update(gan.generator_step(len(real)))

    gan.replay({"G": G, "D": D}, [z, z], step, [(x,)])
    same(seen["fake"], v, "output/fake_train", 1e-9)
    same(-seen["logits/real"], v, "output/errD_real", 1e-9)
    same(-seen["logits/fake"], v, "output/errD_fake", 1e-9)
    same(gan.total["g"], v, "output/errG", 1e-9)
    same(seen["loss/d"], v, "output/errD", 1e-9)
    near_each(gan.grad["d"], prefixed("D.", of_d("grad_D/")), "grad_D", 1e-8)
    near_each(gan.grad["g"], prefixed("G.", of_g("grad_G/")), "grad_G", 1e-8)
    after_d, after_g = prefixed("D.", of_d("after_d_step/")), prefixed("G.", of_g("after_g_step/"))
    for name, stored in after_d.items():
        near(gan.after["d"][name], stored, f"after_d_step {name}", 1e-9)
    # the fakes that G made for the critic moved its running averages once, those of its own step once more
    for name, stored in after_g.items():
        near(gan.after["g"][name], stored, f"after_g_step {name}", 1e-9)


def test_wgan_mlps(tmp_path):
    """The statements of main.py:184-228 on models/mlp.py's layers in plain torch, stored as the files are."""
    torch.manual_seed(0)
    (n, side, width), arrays = (3, 4, 5), {}

    def layers(n_in: int, n_out: int) -> nn.Module:
        sizes = [n_in, width, width, width, n_out]
        parts = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())][:-1]
        return nn.ModuleDict({"main": nn.Sequential(*parts)}).double()

    def store(prefix: str, values: dict[str, Tensor]) -> None:
        arrays.update({prefix + k: t.detach().clone().numpy() for k, t in values.items()})

    def grads(net: nn.Module) -> dict[str, Tensor]:
        return {k: p.grad for k, p in net.named_parameters()}

    G, D = layers(2, 3 * side**2), layers(3 * side**2, 1)
    x, z = torch.rand(n, 3, side, side).double() * 2 - 1, torch.randn(n, 2, 1, 1).double()
    store("input/", {"x": x, "z": z})
    store("param/G/", G.state_dict())
    store("param/D/", D.state_dict())
    fake, scores = G["main"](z.view(n, 2)).view_as(x), D["main"](x.flatten(1))[:, 0]
    store("output/", {"G_eval": fake, "D_eval_per_sample": scores, "D_eval_batch_mean": scores.mean()[None]})
    store("output/", {"fake_train": fake})
    rms_d, rms_g = (torch.optim.RMSprop(net.parameters(), lr=5e-5) for net in (D, G))
    for p in D.parameters():
        p.data.clamp_(-0.01, 0.01)
    real_score, fake_score = (D["main"](images.detach().flatten(1)).mean() for images in (x, fake))
    (real_score - fake_score).backward()
    store("grad_D/", grads(D))
    rms_d.step()
    store("after_d_step/", D.state_dict())
    score = D["main"](G["main"](z.view(n, 2))).mean()
    score.backward()
    store("grad_G/", grads(G))
    rms_g.step()
    store("after_g_step/", G.state_dict())
    store("output/", {"errD_real": real_score, "errD_fake": fake_score, "errD": real_score - fake_score})
    store("output/", {"errG": score})
    np.savez(tmp_path / "mlp.npz", meta="{}", **arrays)
    check_wgan(Vectors(tmp_path / "mlp.npz"))
    assert wasserstein_player(Vectors(tmp_path / "mlp.npz"), "D")[0].linear.in_features == width


# ---- igul222's tflib: WGAN-GP, and WGAN and DCGAN in its CIFAR-10 script


def from_tflib(v: Vectors, prefix: str, rules: list) -> dict[str, Tensor]:
    return doubled(tflib.convert(v.group(prefix), rules))


def pixels(v: Vectors, divisor: float = 255.0) -> Tensor:
    return 2 * (v["input/real_uint8"].double() / divisor - 0.5)


@pytest.mark.parametrize("path", files("baselines-wgan_gp-cifar*.npz"))
def test_the_three_modes_of_gan_cifar(path, monkeypatch):
    v = Vectors(path)
    real, z, alpha = pixels(v), v["input/z"], v["input/alpha"]
    channels, width = real.shape[1], v["param/Discriminator.1.Filters"].shape[-1]
    states = {"G": from_tflib(v, "param/", tflib.CNN_GENERATOR), "D": from_tflib(v, "param/", tflib.CNN_CRITIC)}
    with_norm = states["D"] | from_tflib(v, "param_bn_critic/", tflib.CNN_CRITIC)
    monkeypatch.setattr("zoo.baselines.wgan_gp.between", partial(penalties.between, alpha=alpha))
    tiny = {"resolution": 32, "architecture": "cnn", "width_g": 1, "width_d": 1}

    def pair(normed: bool) -> dict[str, nn.Module]:
        G = CNNGenerator(32, v["param/Generator.3.Filters"].shape[2], z.shape[1], channels).double()
        D = CNNCritic(32, width, norm=nn.BatchNorm2d if normed else nn.Identity, channels=channels).double()
        return {"G": load(G, states["G"]), "D": load(D, with_norm if normed else states["D"])}

    nets = pair(True)
    fake = nets["G"](z)
    same(fake, v, "output/G(z)", 1e-5)
    seen = {}

    def step(gan, x):
        seen.clear()
        seen["critic"] = gan.critic_step(x) if not isinstance(gan, WGAN_GP) else gan.critic_step(x, None)

    def both(gan, x):
        gan.generator_step(len(x)) if not isinstance(gan, WGAN_GP) else gan.generator_step()

    if "output/wgan_gp/disc_cost" in v:
        nets = pair(False)
        same(nets["D"](real), v, "output/wgan_gp/disc_real", 1e-5)
        same(nets["D"](fake), v, "output/wgan_gp/disc_fake", 1e-5)
        points = penalties.between(real, fake.detach(), alpha)
        same(penalties.input_gradient(nets["D"](points), points).norm(dim=1), v, "output/wgan_gp/slopes", 1e-5)
        options = {
            "lambda_gp": constant(v, r"([\d.]+)\*gradient_penalty", 10.0),
            "lr": constant(v, r"Adam step \(([\d.e-]+)", 1e-4),
            "beta1": constant(v, r"Adam step \([\d.e-]+, ?([\d.]+)", 0.5),
            "beta2": constant(v, r"Adam step \([\d.e-]+, ?[\d.]+, ?([\d.]+)", 0.9),
            "n_classes": 0,
            "bn_groups": 1,
            "n_dis": 1,
            "batch_size_g": len(z),
        }
        gan = replayed(WGAN_GP, **tiny, **options).replay(nets, [z], step, [(real,)])
        same(gan.total["d"], v, "output/wgan_gp/disc_cost", 1e-5)
        same(seen["critic"]["penalty/gradient"], v, "output/wgan_gp/gradient_penalty", 1e-5)
        grad = prefixed("D.", from_tflib(v, "grad/wgan_gp/", tflib.CNN_CRITIC))
        near_each(gan.grad["d"], grad, "gradient of wgan_gp", 1e-4, largest=True)
        after = prefixed("D.", from_tflib(v, "after_d_step/wgan_gp/", tflib.CNN_CRITIC))
        moved_alike(gan.after["d"], None, after, grad, "after wgan_gp", 2e-7, 1e-5)
        gan = replayed(WGAN_GP, **tiny, **options).replay(pair(False), [z], both, [(real,)])
        same(gan.total["g"], v, "output/wgan_gp/gen_cost", 1e-5)
        grad = prefixed("G.", from_tflib(v, "grad/wgan_gp/", tflib.CNN_GENERATOR))
        near_each(gan.grad["g"], grad, "gradient of gen_cost", 1e-4, largest=True)

    if "output/wgan/disc_cost" in v:
        nets = pair(True)
        same(nets["D"](real), v, "output/wgan/disc_real", 1e-5)
        same(nets["D"](fake), v, "output/wgan/disc_fake", 1e-5)
        options = {
            "clip_first": False,
            "optimizer": "rmsprop-tf",
            "lr": constant(v, r"RMSProp step \(([\d.e-]+)", 5e-5),
            "clip": constant(v, r"clip to \[-([\d.]+)", 0.01),
        }
        gan = replayed(WGAN, **tiny, **options).replay(nets, [z], step, [(real,)])
        same(gan.total["d"], v, "output/wgan/disc_cost", 1e-5)
        grad = prefixed("D.", from_tflib(v, "grad/wgan/", tflib.CNN_CRITIC))
        near_each(gan.grad["d"], grad, "gradient of wgan", 1e-4, largest=True)
        after = prefixed("D.", from_tflib(v, "after_d_step/wgan/", tflib.CNN_CRITIC))
        moved_alike(state_of(gan), None, after, grad, "after wgan", 2e-7, 1e-5)
        gan = replayed(WGAN, **tiny, **options).replay(pair(True), [z], both, [(real,)])
        same(gan.total["g"], v, "output/wgan/gen_cost", 1e-5)

    if "output/dcgan/disc_cost" in v:
        D = pair(True)["D"]
        real_logits, fake_logits = D(real), D(fake)
        same(real_logits, v, "output/dcgan/disc_real", 1e-5)
        same(fake_logits, v, "output/dcgan/disc_fake", 1e-5)
        same(0.5 * losses.nonsaturating_d(real_logits, fake_logits), v, "output/dcgan/disc_cost", 1e-5)
        same(losses.nonsaturating_g(fake_logits), v, "output/dcgan/gen_cost", 1e-5)


@pytest.mark.parametrize("path", files("baselines-wgan_gp-resnet*.npz"))
def test_wgan_gp_resnet(path, monkeypatch):
    v = Vectors(path)
    n_classes = v["param/Discriminator.ACGANOutput.W"].shape[1] if "param/Discriminator.ACGANOutput.W" in v else 0
    real = pixels(v, 256.0) + v["input/dequant_noise"]
    z, z_gen, channels, n = v["input/z_critic"], v["input/z_gen"], real.shape[1], len(real)
    G = CIFARGenerator(v["param/Generator.Output.Filters"].shape[2], z.shape[1], n_classes, channels).double()
    D = CIFARCritic(len(v["param/Discriminator.Output.W"]), n_classes, channels=channels).double()
    states = {
        "G": from_tflib(v, "param/", tflib.CIFAR_GENERATOR),
        "D": from_tflib(v, "param/", tflib.CIFAR_CRITIC),
    }
    nets = {"G": load(G, states["G"]), "D": load(D, states["D"])}
    label, gen_label = (v[f"input/{k}"] if n_classes else None for k in ("labels", "gen_labels"))
    monkeypatch.setattr("zoo.baselines.wgan_gp.between", partial(penalties.between, alpha=v["input/alpha"]))
    options = {
        "n_classes": n_classes,
        "width_g": 1,
        "width_d": 1,
        "latent_dim": z.shape[1],
        "n_dis": 1,
        "batch_size": n,
        "batch_size_g": len(z_gen),
        "lambda_gp": constant(v, r"gradient_penalty_x(\d+)", 10.0),
        "acgan_g": constant(v, r"([\d.]+)\*cross entropy of the fakes", 0.1),
    }
    seen = {}

    def critic(gan, x):
        seen["fake"] = gan.fakes(n, label)
        gan.z.insert(0, z)
        seen.update(gan.critic_step(x, label))

    gan = replayed(WGAN_GP, **options).replay(nets, [z], critic, [(real,)])
    fake = seen["fake"]
    same(fake, v, "output/fake", 1e-5)
    load(D, states["D"])
    same(D(real), v, "output/disc_real", 1e-5)
    # with classes the script gives that name once more, to the scores of G's last half batch
    last = z_gen.chunk(2)[1], None if gen_label is None else gen_label.chunk(2)[1]
    same(D(G(*last) if n_classes else fake), v, "output/disc_fake", 1e-5)
    points = penalties.between(real, fake.detach(), v["input/alpha"])
    same(penalties.input_gradient(D(points), points).norm(dim=1), v, "output/slopes", 1e-5)
    same(gan.lambda_gp * seen["penalty/gradient"], v, f"output/gradient_penalty_x{gan.lambda_gp:g}", 1e-5)
    same(seen["loss/d"] + gan.lambda_gp * seen["penalty/gradient"], v, "output/disc_wgan", 1e-5)
    same(gan.total["d"], v, "output/disc_cost", 1e-5)
    if n_classes:
        logits = D.classifier(D.features(torch.cat([real, fake])))
        same(logits, v, "output/acgan_logits", 1e-5)
        same(seen["loss/classes"], v, "output/disc_acgan", 1e-5)
    grad = prefixed("D.", from_tflib(v, "grad_disc/", tflib.CIFAR_CRITIC))
    near_each(gan.grad["d"], grad, "gradient of disc_cost", 1e-4, largest=True)

    gan = replayed(WGAN_GP, **options)
    gan.random_labels = lambda n: gen_label
    gan.replay(nets, [z_gen], lambda gan, x: gan.generator_step(), [(real,)])
    same(gan.total["g"], v, "output/gen_cost", 1e-5)
    grad = prefixed("G.", from_tflib(v, "grad_gen/", tflib.CIFAR_GENERATOR))
    near_each(gan.grad["g"], grad, "gradient of gen_cost", 1e-4, largest=True)


@pytest.mark.parametrize("path", files("baselines-wgan_gp-toy*.npz"))
def test_wgan_gp_toy(path, monkeypatch):
    """The toy's critic and G are the multilayer perceptrons of the 2-D track."""
    v = Vectors(path)
    real, z = v["input/real"], v["input/z"]

    def convert(prefix: str, of: str) -> dict[str, Tensor]:
        state, depth = {}, max(int(k.split(".")[1]) for k in v.group("param/"))
        for name, array in v.group(prefix).items():
            net, number, *_, leaf = name.split(".")
            layer = "linear" if int(number) == depth else f"hidden.{2 * int(number) - 2}"
            if net == of:
                state[f"{layer}.{'weight' if leaf == 'W' else 'bias'}"] = torch.from_numpy(array).t().double()
        return {k: t.contiguous() for k, t in state.items()}

    width, depth = v["param/Discriminator.1.Linear.W"].shape[1], len(convert("param/", "Discriminator")) // 2 - 1
    G = load(PointGenerator(real.shape[1], z.shape[1], width, depth).double(), convert("param/", "Generator"))
    D = load(PointCritic(real.shape[1], width, depth).double(), convert("param/", "Discriminator"))
    fake = G(z)
    same(fake, v, "output/fake_data", 1e-5)
    same(D(real), v, "output/disc_real", 1e-5)
    same(D(fake), v, "output/disc_fake", 1e-5)
    alpha = 1 - v["input/epsilon"]  # the toy has epsilon at the real end
    points = penalties.between(real, fake.detach(), alpha)
    same(points, v, "output/interpolates", 1e-5)
    same(penalties.input_gradient(D(points), points).norm(dim=1), v, "output/slopes", 1e-5)
    penalty = penalties.wgan_gp(D(points), points)
    same(penalty, v, "output/gradient_penalty", 1e-5)
    stored = convert("grad/gradient_penalty/", "Discriminator")
    weights = dict(D.named_parameters())
    grads = torch.autograd.grad(penalty, list(weights.values()), allow_unused=True)
    ours = {k: torch.zeros_like(w) if g is None else g for (k, w), g in zip(weights.items(), grads, strict=True)}
    near_each(ours, stored, "gradient of the penalty", 1e-5, largest=True)
    same(losses.wasserstein_g(D(fake)), v, "output/gen_cost", 1e-5)

    monkeypatch.setattr("zoo.baselines.wgan_gp.between", partial(penalties.between, alpha=alpha))
    gan = replayed(
        WGAN_GP,
        resolution=32,
        architecture="cnn",
        width_g=1,
        width_d=1,
        n_classes=0,
        bn_groups=1,
        lambda_gp=constant(v, r"([\d.]+)\*gradient_penalty", 0.1),
        lr=constant(v, r"Adam step \(([\d.e-]+)", 1e-4),
        beta1=constant(v, r"Adam step \([\d.e-]+, ?([\d.]+)", 0.5),
        beta2=constant(v, r"Adam step \([\d.e-]+, ?[\d.]+, ?([\d.]+)", 0.9),
    ).replay({"G": G, "D": D}, [z], lambda gan, x: gan.critic_step(x, None), [(real,)])
    same(gan.total["d"], v, "output/disc_cost", 1e-5)
    grad = prefixed("D.", convert("grad/disc_cost/", "Discriminator"))
    near_each(gan.grad["d"], grad, "gradient of disc_cost", 1e-5, largest=True)
    after = prefixed("D.", convert("after_d_step/", "Discriminator"))
    moved_alike(gan.after["d"], None, after, grad, "after_d_step", 2e-7, 1e-5)


# ---- WGAN-div


@pytest.mark.parametrize("path", files("baselines-wgan_div-official*.npz"))
def test_wgan_div_official(path, monkeypatch):
    """64 px "Good" pair, lines, k = 10; TensorFlow's own gradient through the layer norm is not exact."""
    v = Vectors(path)
    real, z, alpha = pixels(v), v["input/z"], v["input/alpha"]
    _, channels, size, _ = real.shape
    G = GoodGenerator(size, v["param/Generator.Output.Filters"].shape[2], z.shape[1], channels).double()
    D = GoodCritic(size, v["param/Discriminator.Input.Filters"].shape[-1], channels=channels).double()
    last = ("linear.weight", "linear.bias")
    load(G, from_tflib(v, "param/", tflib.GOOD_GENERATOR))
    load(D, negated(from_tflib(v, "param/", tflib.GOOD_CRITIC), *last))
    fake = G(z)
    same(fake, v, "output/fake_data", 1e-4)
    same(-D(real), v, "output/disc_real", 1e-4)
    same(-D(fake), v, "output/disc_fake", 1e-4)
    same(losses.wasserstein_g(D(fake)), v, "output/gen_cost", 1e-4)
    points = penalties.between(real, fake.detach(), alpha)
    power = 2 * constant(v, r"\(sum grad\^2\)\^(\d+)", 3.0)
    same(penalties.input_gradient(D(points), points).square().sum(1).pow(power / 2), v, "output/slopes", 1e-4)
    monkeypatch.setattr("zoo.baselines.wgan_div.between", partial(penalties.between, alpha=alpha))
    gan = replayed(
        WGAN_Div,
        resolution=16,
        width_g=1,
        width_d=1,
        points="lines",
        k=constant(v, r"\+ ?([\d.]+)\*gradient_penalty", 10.0),
        power=power,
        lr=constant(v, r"Adam\(([\d.e-]+)", 2e-4),
        beta1=constant(v, r"Adam\([\d.e-]+, ?([\d.]+)", 0.0),
        beta2=constant(v, r"Adam\([\d.e-]+, ?[\d.]+, ?([\d.]+)", 0.9),
    )
    seen = {}
    gan.replay({"G": G, "D": D}, [z], lambda gan, x: seen.update(gan.critic_step(x)), [(real,)])
    same(seen["penalty/gradient"], v, "output/gradient_penalty", 1e-4)
    same(gan.total["d"], v, "output/disc_cost", 1e-4)
    for key, rtol in (("grad_disc_exact", 1e-4), ("grad_disc", 3e-3)):
        stored = prefixed("D.", negated(from_tflib(v, f"{key}/", tflib.GOOD_CRITIC), *last))
        near_each(gan.grad["d"], stored, key, rtol, largest=True)
    after = prefixed("D.", negated(from_tflib(v, "after_d_step/", tflib.GOOD_CRITIC), *last))
    # Adam's first step is the gradient's sign, so what decides is that it is beyond TensorFlow's own error
    scale = max(t.abs().max().item() for t in stored.values())
    moved_alike(gan.after["d"], None, after, stored, "after_d_step", 1e-6, 3e-3 * scale)


# ---- Su's Keras codes: WGAN-div, GAN-QP, BiGAN-QP


def nchw(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2)


def keras(v: Vectors, prefix: str, of: str, pooled: bool = False) -> dict[str, Tensor]:
    return doubled(official.convert_keras(v.group(prefix), of, pooled))


def ladder_of(v: Vectors, net: str) -> int:
    """Width at 4 px: most filters of any layer."""
    return max(a.shape[-1] for k, a in v.group(f"param/{net}/").items() if k.endswith("Conv2D.kernel"))


def averaging(net: nn.Module, momentum: float) -> nn.Module:
    """Keras' averages of a batch norm: those of D never move. Those of G, out of which the share of their start is
    taken, are the batch's own statistics as long as all batches are the same."""
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            norm.momentum = momentum
    return net


def averages(G: nn.Module, n: int) -> dict[str, Tensor]:
    """G's running averages as Keras has them after n images: of m values a variance gets m / (m - 1 - eps), which
    on maps comes on top of the m / (m - 1) that the fused kernel has given it."""
    found, side = {}, 4
    for i, norm in enumerate(G.norms):
        m = n if i == 0 else n * (side := 2 * side) ** 2
        factor = (m - 1 if i == 0 else m) / (m - 1 - norm.eps)
        found[f"norms.{i}.running_mean"] = norm.running_mean.clone()
        found[f"norms.{i}.running_var"] = factor * norm.running_var
    return found


def keras_options(v: Vectors) -> dict[str, float]:
    numbers = r"Adam ([\d.e-]+), ?([\d.]+), ?([\d.]+), ?([\d.e-]*\d)"
    found = re.search(numbers, v.meta["outputs"])
    lr, beta1, beta2, eps = map(float, found.groups()) if found else (2e-4, 0.5, 0.999, 1e-7)
    return {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps}


def check_update(gan, player: str, stored: dict[str, Tensor], what: str) -> None:
    """Weights behind an update. Adam's first step is nearly the gradient's sign, so that below a thousandth of the
    largest gradient float32 decides; a sign that is wrong is off by twice the rate."""
    grad = gan.grad[player]
    weights = {k: t for k, t in stored.items() if k in grad}
    small = 1e-3 * max(t.abs().max().item() for t in grad.values())
    moved_alike(gan.after[player], None, weights, grad, what, 0.02 * gan.lr, small)


#: steps that Adam had counted before D's and before G's update. Keras 2.2.4 counts in the same run that reads the
#: count, in either order, so that the first update may be computed as the second one of zero moments
AHEAD = [(g, d) for g in (0, 1) for d in (0, 1)]


def nearest(v: Vectors, run, stored: dict[str, Tensor]):
    """The replay under that of `AHEAD` which comes closest to the stored weights.

    Args:
        run: an entry of `AHEAD` -> a replayed module.
        stored: behind D's or G's update, by our names.
    """

    def off(gan) -> float:
        ours = {k: t for after in (gan.after["d"], gan.after["g"]) for k, t in after.items() if k in stored}
        last = {k: gan.after["d" if k.startswith("D.") else "g"][k] for k in ours}
        return sum((last[k] - t).abs().sum().item() for k, t in stored.items() if "running" not in k)

    return min((run(ahead) for ahead in AHEAD), key=off)


def check_keras(v: Vectors, build, critic_of, generator_step, flip: tuple[str, ...] = (), pooled: bool = False):
    """Outputs, then one D update and one G update from it on the same images and latents, then G's gradient.

    Args:
        build: () -> a replayed module.
        critic_of: (module, D, real, fake) -> the loss of G at the stored weights.
        generator_step: what makes a G step of (module, real).
        flip: D's parameters that change sign.

    Returns:
        the module behind the two updates and what its D step reported.
    """
    sign = -1 if flip else 1
    real, z = nchw(v["input/x_real"]), v["input/z"]
    _, channels, size, _ = real.shape
    width = ladder_of(v, "D")
    G = keras_dcgan.Generator(size, width, z.shape[1], channels).double()
    D = averaging(keras_dcgan.Critic(size, width, channels, pooled).double(), 0.0)
    start = {"G": keras(v, "param/G/", "G"), "D": negated(keras(v, "param/D/", "E", pooled), *flip)}
    load(G, start["G"]).eval()
    load(D, start["D"])
    if "output/x_fake_eval" in v:
        near(G(z), nchw(v["output/x_fake_eval"]), "x_fake_eval", 1e-4)
    averaging(G.train(), 1.0)
    fake = G(z)
    near(fake, nchw(v["output/x_fake"]), "x_fake", 1e-4)
    same(sign * D(real), v, "output/score_0", 1e-4)
    same(sign * D(fake), v, "output/score_1", 1e-4)

    load(G, start["G"])
    seen = {}

    def both(gan, x):
        seen.update(gan.critic_step(x))
        found = averages(gan.G, len(x))
        seen["moved"] = torch.stack([(t - start["G"][k]).abs().max() for k, t in found.items()])
        generator_step(gan, x)

    def run(ahead: tuple[int, int]):
        load(G, start["G"])
        load(D, start["D"])
        return build().replay({"G": G, "D": D}, [z, z], both, [(real,)], ahead=ahead)

    after = negated(keras(v, "after_d_step/D/", "E", pooled), *flip)
    gan = nearest(v, run, prefixed("D.", after) | prefixed("G.", keras(v, "after_g_step/G/", "G")))
    same(seen["moved"], v, "output/G_moving_changed_by_d_step", 1e-4)
    same(gan.total["d"], v, "output/d_loss", 1e-4)
    same(gan.total["d"], v, "output/train_d", 1e-4)
    same(gan.total["g"], v, "output/train_g_after_d", 1e-4, 1e-6)
    grad = prefixed("D.", negated(keras(v, "grad_d_loss/D/", "E", pooled), *flip))
    near_each(gan.grad["d"], grad, "grad_d_loss", 1e-3, largest=True)
    check_update(gan, "d", prefixed("D.", after), "after_d_step")
    for name in (k for k in after if "running" in k):
        near(gan.after["d"][f"D.{name}"], after[name], name, 1e-6)
    check_update(gan, "g", prefixed("G.", keras(v, "after_g_step/G/", "G")), "after_g_step")
    stored = keras(v, "after_g_step/G/", "G")
    for name, ours in averages(gan.G, len(real)).items():
        near(ours, stored[name], name, 1e-4)

    load(G, start["G"])
    load(D, start["D"])
    first = build().replay({"G": G, "D": D}, [z], generator_step, [(real,)])
    same(first.total["g"], v, "output/g_loss", 1e-4)
    near_each(first.grad["g"], prefixed("G.", keras(v, "grad_g_loss/G/", "G")), "grad_g_loss", 1e-3, largest=True)
    load(D, start["D"])
    return D, real, fake.detach(), seen


@pytest.mark.parametrize("path", files("baselines-wgan_div-keras*.npz"))
def test_wgan_div_keras(path):
    v = Vectors(path)
    k = constant(v, r"\bk=([\d.]+)", 2.0)
    power = constant(v, r"\|grad real\|\^(\d+)", 6.0)
    build = partial(
        replayed, WGAN_Div, **TINY, norm_d="none", architecture="dcgan", k=k, power=power, **keras_options(v)
    )
    D, real, fake, seen = check_keras(
        v, build, None, lambda gan, x: gan.generator_step(len(x)), ("linear.weight",), pooled=True
    )
    same(k * seen["penalty/gradient"], v, "output/grad_loss", 1e-4)
    for name, x in (("real", real), ("fake", fake)):
        x = x.requires_grad_()
        slopes = penalties.input_gradient(D(x), x).square().sum(1).pow(power / 2)
        same(slopes, v, f"output/{name}_grad_sqnorm_p2", 1e-4)


@pytest.mark.parametrize("path", files("baselines-gan_qp*.npz"))
def test_gan_qp(path):
    v = Vectors(path)
    distance = "l2" if re.search(r"d_norm = [\d.]+\*sqrt|_l2\.py", v.meta["outputs"] + v.meta["script"]) else "l1"
    factor = constant(v, r"d_norm = ([\d.]+)\*", 10.0)
    options = {"architecture": "dcgan", "distance": distance, "lambda_qp": factor}
    build = partial(replayed, GAN_QP, **TINY, **options, **keras_options(v))
    _, real, fake, _ = check_keras(v, build, None, lambda gan, x: gan.generator_step(x))
    same(factor * penalties.pair_distance(real, fake, distance), v, "output/d_norm", 1e-4)


@pytest.mark.parametrize("path", files("baselines-bigan-qp*.npz"))
def test_bigan_qp(path):
    v = Vectors(path)
    real, z = nchw(v["input/x_real"]), v["input/z"]
    _, channels, size, _ = real.shape
    width, hidden = ladder_of(v, "E"), v["param/TD/01.Dense.kernel"].shape[1]
    shape = (size, width, z.shape[1])

    def nets() -> dict[str, nn.Module]:
        G = averaging(load(keras_dcgan.Generator(*shape, channels).double(), keras(v, "param/G/", "G")), 1.0)
        E = averaging(load(keras_dcgan.Encoder(*shape, channels).double(), keras(v, "param/E/", "E")), 1.0)
        D = keras_dcgan.JointCritic(size, width, z.shape[1], hidden, channels).double()
        load(D.encoder, keras(v, "param/TE/", "E"))
        load(D.head, keras(v, "param/TD/", "head"))
        return {"G": G, "E": E, "D": averaging(D, 0.0)}

    def critic(prefix: str) -> dict[str, Tensor]:
        """TE's and TD's arrays as D's."""
        state = prefixed("D.encoder.", keras(v, f"{prefix}/TE/", "E"))
        return state | prefixed("D.head.", keras(v, f"{prefix}/TD/", "head"))

    def players(prefix: str) -> dict[str, Tensor]:
        state = prefixed("G.", keras(v, f"{prefix}/G/", "G"))
        return state | prefixed("E.", keras(v, f"{prefix}/E/", "E"))

    def build():
        options = {"resolution": 8, "width": 2, "hidden": 1, **keras_options(v)}
        weights = {
            "weight_z": constant(v, r"([\d.]+)\*mse_z", 2.0),
            "weight_x": constant(v, r"([\d.]+)\*mse_x", 3.0),
            "lambda_qp": constant(v, r"d_norm = ([\d.]+)\*", 10.0),
        }
        return replayed(BiGAN_QP, **options, **weights)

    first = nets()
    generated, encoded = first["G"](z), first["E"](real)
    near(generated, nchw(v["output/x_fake"]), "x_fake", 1e-4)
    same(encoded, v, "output/z_real", 1e-4)
    same(first["D"](real, encoded), v, "output/xz_real_score", 1e-4)
    same(first["D"](generated, z), v, "output/xz_fake_score", 1e-4)
    if "output/x_recon" in v:
        near(first["G"](encoded), nchw(v["output/x_recon"]), "x_recon", 1e-4)
    same(first["E"](generated), v, "output/z_recon", 1e-4)

    seen = {}

    def both(gan, x):
        seen["d"] = gan.critic_step(x)
        seen["g"] = gan.generator_step(x)

    after = critic("after_d_step")
    behind = after | players("after_g_step")
    gan = nearest(v, lambda ahead: build().replay(nets(), [z, z], both, [(real,)], ahead=ahead), behind)
    distance = gan.lambda_qp * (penalties.pair_distance(real, generated) + penalties.pair_distance(encoded, z))
    same(distance, v, "output/d_norm", 1e-4)
    same(gan.total["d"], v, "output/d_loss", 1e-4)
    same(gan.total["d"], v, "output/train_d", 1e-4)
    same(-seen["d"]["loss/d"], v, "output/d_loss_metric", 1e-4)
    same(gan.total["g"], v, "output/train_g_after_d", 1e-4)
    near_each(gan.grad["d"], critic("grad_d_loss"), "grad_d_loss", 1e-3, largest=True)
    check_update(gan, "d", after, "after_d_step")
    for name in (k for k in after if "running" in k):
        near(gan.after["d"][name], after[name], name, 1e-6)
    check_update(gan, "g", players("after_g_step"), "after_g_step")

    gan = build().replay(nets(), [z], lambda gan, x: seen.update(g=gan.generator_step(x)), [(real,)])
    same(gan.total["g"], v, "output/g_loss", 1e-4)
    same(seen["g"]["loss/z"], v, "output/mse_z", 1e-4)
    same(seen["g"]["loss/x"], v, "output/mse_x", 1e-4)
    near_each(gan.grad["g"], players("grad_g_loss"), "grad_g_loss", 1e-3, largest=True)


# ---- BiGAN


@pytest.mark.parametrize("path", files("baselines-bigan-mnist*.npz"))
def test_bigan(path):
    v = Vectors(path)
    x, z = v["input/x_uint8"].double() / 255, v["input/z"]
    shape, (latent_dim, width) = tuple(x.shape[1:]), v["param/Generator/FC1/w"].shape
    names = {"G": "Generator", "E": "Encoder", "D": "JointDiscriminator"}

    def convert(prefix: str) -> dict[str, Tensor]:
        of = {n: official.convert_bigan(v.group(prefix), name) for n, name in names.items()}
        return doubled({f"{n}.{k}": t for n, state in of.items() for k, t in state.items()})

    start = convert("param/")
    nets = {
        "G": bigan.Generator(shape, width, latent_dim),
        "E": bigan.Encoder(shape, width, latent_dim),
        "D": bigan.Discriminator(shape, width, latent_dim),
    }
    for name, net in nets.items():
        load(net.double(), {k[2:]: t for k, t in start.items() if k.startswith(f"{name}.")})
    generated, encoded = nets["G"](z), nets["E"](x)
    same(generated, v, "output/gX", 1e-6)
    same(encoded, v, "output/E(x)", 1e-6)
    same(nets["D"](x, encoded).sigmoid(), v, "output/jd_prob_real", 1e-6)
    same(nets["D"](generated, z).sigmoid(), v, "output/jd_prob_gen", 1e-6)

    numbers = re.search(r"Adam ([\d.e-]+), ?([\d.]+), ?([\d.]+), L2 ([\d.e-]*\d)", v.meta["outputs"])
    lr, beta1, beta2, l2 = map(float, numbers.groups()) if numbers else (2e-4, 0.5, 0.999, 2.5e-5)
    gan = replayed(BiGAN, resolution=4, width=1, lr=lr, beta1=beta1, beta2=beta2, l2=l2)
    gan.to_native = lambda images: images  # the file has the networks' own pixels
    gan.replay(nets, [z], own_step, [(x, None)])
    loss_d, loss_g = gan.losses
    same(loss_d, v, "output/cost_JD", 1e-6)
    same(loss_g, v, "output/cost_E", 1e-6)
    same(loss_g, v, "output/cost_G", 1e-6)
    grads = {"d": convert("grad_JD/"), "g": convert("grad_EG/")}
    delta = convert("delta_step/")
    for player, grad in grads.items():
        near_each(gan.grad[player], grad, f"gradient of {player}", 1e-6, largest=True)
        mine = {k: t for k, t in delta.items() if k in grad}
        moved_alike(gan.after[player], start, mine, grad, "delta_step", 1e-7, 1e-6)


# ---- f-GAN

#: the notebooks' names -> ours, and whether they have V with the other sign
NOTEBOOK = {
    "kl": ("kl", 1),
    "klrev": ("reverse_kl", -1),
    "pearson": ("pearson_chi2", 1),
    "neyman": ("neyman_chi2", -1),
    "hellinger": ("squared_hellinger", -1),
    "jensen": ("js", 1),
    "gan": ("gan", 1),
}
#: the table's names -> ours
TABLE = {k: k for k in ("kl", "reverse_kl", "squared_hellinger", "gan")}
TABLE |= {"pearson": "pearson_chi2", "neyman": "neyman_chi2", "jensen_shannon": "js"}


@pytest.mark.parametrize("path", files("baselines-fgan-notebook*.npz"))
def test_fgan_notebook(path):
    v = Vectors(path)
    x, z, grid = v["input/x"], v["input/z"], v["input/v"]
    width = len(v["param/G/lin1.bias"])

    def convert(prefix: str, net: str, sign: int = 1) -> dict[str, Tensor]:
        layer = {"lin1": "layers.0", "lin2": "layers.1"}
        state = {}
        for name, array in v.group(prefix).items():
            ours = f"{layer[name.split('.')[0]]}.{name.split('.')[1]}"
            state[ours] = torch.from_numpy(array) * (sign if name.startswith("lin2") and net == "D" else 1)
        return state

    found = sorted({k.split("/")[1] for k in v.arrays if k.startswith("output/") and k.count("/") == 2})
    assert found
    for name, (ours, sign) in known(found, NOTEBOOK.get, "divergence").items():
        f = DIVERGENCES[ours]
        same(f.activation(sign * grid), v, f"output/{name}/T", 1e-10)
        same(f.on_fake(sign * grid), v, f"output/{name}/fstarT", 1e-10, 1e-12)
        same(f.conjugate(f.activation(sign * grid)), v, f"output/{name}/fstarT", 1e-10, 1e-12)
        gammas = sorted({k.split("/")[2] for k in v.arrays if k.startswith(f"output/{name}/gamma")})
        for gamma in gammas:
            G = load(MLP(z.shape[1], x.shape[1], width, 1).double(), convert("param/G/", "G"))
            D = load(MLP(x.shape[1], None, width, 1).double(), convert("param/D/", "D", sign))
            same(G(z), v, "output/G(z)", 1e-10)
            same(sign * D(x), v, "output/D(x)", 1e-10)
            # the notebooks' G has the saddle point's loss
            options = {**TINY, "divergence": ours, "gamma": float(gamma.removeprefix("gamma")), "saturating": True}
            gan = replayed(FGAN, **options).replay({"G": G, "D": D}, [z], own_step, [(x, None)])
            loss_d, loss_g = gan.losses
            same(loss_d, v, f"output/{name}/{gamma}/loss_disc", 1e-10)
            same(loss_g, v, f"output/{name}/{gamma}/loss_gen", 1e-10)
            grad_d = prefixed("D.", convert(f"grad_disc/{name}/{gamma}/", "D", sign))
            near_each(gan.grad["d"], grad_d, f"{name} {gamma} disc", 1e-10)
            near_each(gan.grad["g"], prefixed("G.", convert(f"grad_gen/{name}/", "G")), f"{name} gen", 1e-10)


@pytest.mark.parametrize("path", files("baselines-fgan-table*.npz"))
def test_fgan_table(path):
    v = Vectors(path)
    p, q, grid = v["input/p"], v["input/q"], v["input/v"]
    found = sorted({k.split("/")[1] for k in v.arrays if k.startswith("output/") and k.count("/") == 2})
    assert found
    for name, ours in known(found, TABLE.get, "divergence").items():
        f = DIVERGENCES[ours]
        d_f, star = (q * f.f(p / q)).sum(), v[f"output/{name}/v_star"]
        t_star = v[f"output/{name}/T_star"]
        same(d_f, v, f"output/{name}/D_f(p||q)", 1e-10)
        same(torch.tensor(f.threshold, dtype=torch.float64), v, f"output/{name}/threshold_fprime(1)", 1e-10, 1e-12)
        same(f.conjugate(t_star), v, f"output/{name}/fstar(T_star)", 1e-10, 1e-12)
        same(f.activation(star), v, f"output/{name}/T_star", 1e-10, 1e-12)
        same(f.activation(grid), v, f"output/{name}/g_f(v)", 1e-10, 1e-12)
        same(f.on_fake(grid), v, f"output/{name}/fstar(g_f(v))", 1e-10, 1e-12)

        def value(logits: Tensor, f=f) -> Tensor:
            return (p * f.activation(logits)).sum() - (q * f.on_fake(logits)).sum()

        same(value(grid), v, f"output/{name}/objective_at_v", 1e-10)
        close(value(star), d_f, f"{name}: the bound is tight at v*", rtol=1e-9, atol=1e-12)
        assert value(grid) <= d_f
        u = (p / q).requires_grad_()
        (slope,) = torch.autograd.grad(f.f(u).sum(), u)
        close(slope, t_star, f"{name}: T* = f'(p/q)", rtol=1e-9, atol=1e-12)
    m = (p + q) / 2
    same(0.5 * ((p * (p / m).log()).sum() + (q * (q / m).log()).sum()), v, "output/jsd_nats", 1e-10)


# ---- losses and penalties

#: name in the file -> (real, fake) -> value
LOSSES = {
    "dcgan_d": losses.nonsaturating_d,
    "dcgan_g_nonsaturating": lambda r, f: losses.nonsaturating_g(f),
    "gan_g_saturating": lambda r, f: losses.saturating_g(f),
    "gan_goodfellow_d_half": lambda r, f: 0.5 * losses.nonsaturating_d(r, f),
    "bigan_d_half": lambda r, f: 0.5 * losses.nonsaturating_d(r, f),
    "bigan_ge_half": lambda r, f: 0.5 * losses.nonsaturating_d(f, r),
    "wgan_d": losses.wasserstein_d,
    "wgan_g": lambda r, f: losses.wasserstein_g(f),
    "gan_qp_g": losses.gan_qp_g,
}


def fgan_loss(name: str):
    """fgan_<divergence>_<d, g or g_trick>, or None."""
    of = {**TABLE, **{k: ours for k, (ours, _) in NOTEBOOK.items()}, **{k: k for k in DIVERGENCES}}
    match = re.fullmatch(r"fgan_(\w+?)_(d|g|g_trick)", name)
    if not match or match[1] not in of:
        return None
    f = DIVERGENCES[of[match[1]]]
    if match[2] == "d":
        return lambda real, fake: f_gan_d(f, real, fake)
    return lambda real, fake: f_gan_g(f, fake, saturating=match[2] == "g")


@pytest.mark.parametrize("path", files("baselines-losses*.npz"))
def test_losses(path):
    v = Vectors(path)
    names = [k.removeprefix("output/") for k in v.arrays if k.startswith("output/")]
    assert names
    for name, function in known(names, lambda name: fgan_loss(name) or LOSSES.get(name), "loss").items():
        real, fake = (v[f"input/logit_{k}"].requires_grad_() for k in ("real", "fake"))
        loss = function(real, fake)
        same(loss, v, f"output/{name}", 1e-12, 1e-15)
        grads = torch.autograd.grad(loss, [real, fake], allow_unused=True)
        for key, logits, grad in zip(("real", "fake"), (real, fake), grads, strict=True):
            same(torch.zeros_like(logits) if grad is None else grad, v, f"grad/{name}/logit_{key}", 1e-12, 1e-15)


class SmallCritic(nn.Module):
    """The file's critic: one convolution and two dense layers."""

    def __init__(self, v: Vectors) -> None:
        super().__init__()
        kernel, hidden = v["param/conv.weight"], v["param/fc1.weight"]
        self.conv = nn.Conv2d(kernel.shape[1], len(kernel), kernel.shape[2:], stride=2, padding=1)
        self.fc1, self.fc2 = nn.Linear(hidden.shape[1], len(hidden)), nn.Linear(len(hidden), 1)
        load(self.double(), {k: torch.from_numpy(a) for k, a in v.group("param/").items()})

    def forward(self, x: Tensor) -> Tensor:
        h = F.leaky_relu(self.conv(x), 0.2).flatten(1)
        return self.fc2(torch.tanh(self.fc1(h))).squeeze(1)


def penalty_of(name: str):
    """A name of the file as (D, real, fake, alpha) -> value; its numbers are read from the name."""

    def on(points, penalty, factor):
        return lambda D, r, f, a: factor * sum(penalty(D(x), x) for x in points(r, f, a))

    def leaf(x):
        return x.detach().requires_grad_()

    places = {
        "interp": lambda r, f, a: [penalties.between(r, f, a)],
        "real": lambda r, f, a: [leaf(r)],
        "fake": lambda r, f, a: [leaf(f)],
        "real_fake": lambda r, f, a: [leaf(r), leaf(f)],
    }
    number = r"([\d.]+)"
    if m := re.fullmatch(rf"wgan_gp(_one_sided)?_lambda{number}", name):
        return on(places["interp"], penalties.wgan_gp_one_sided if m[1] else penalties.wgan_gp, float(m[2]))
    if m := re.fullmatch(rf"gp_linear_hinge_lambda{number}", name):
        return on(places["interp"], penalties.slope_hinge, float(m[1]))
    if m := re.fullmatch(rf"gp_zero_centred_(interp|real|fake)_lambda{number}", name):
        return on(places[m[1]], penalties.r1, float(m[2]))
    if m := re.fullmatch(rf"wgan_div_(interp|real_fake|real|fake)_k{number}_p{number}", name):
        factor = float(m[2]) / (2 if m[1] == "real_fake" else 1)  # half of the mixture each
        return on(places[m[1]], partial(penalties.wgan_div, power=float(m[3])), factor)
    if m := re.fullmatch(rf"r([12])_gamma{number}", name):
        return on(places["real" if m[1] == "1" else "fake"], penalties.r1, float(m[2]) / 2)
    if name == "wgan_d_loss":
        return lambda D, r, f, a: losses.wasserstein_d(D(r), D(f))
    if name == "gan_qp_g_loss":
        return lambda D, r, f, a: losses.gan_qp_g(D(r), D(f))
    if m := re.fullmatch(r"gan_qp_(l1|l2)_(d_loss|quadratic)", name):

        def value(D, r, f, a):
            quadratic = penalties.quadratic_potential(D(r), D(f), 10 * penalties.pair_distance(r, f, m[1]))
            return quadratic + (losses.wasserstein_d(D(r), D(f)) if m[2] == "d_loss" else 0)

        return value
    return None


@pytest.mark.parametrize("path", files("baselines-penalties*.npz"))
def test_penalties(path):
    v = Vectors(path)
    D = SmallCritic(v)
    real, fake, alpha = (v[f"input/{k}"] for k in ("x_real", "x_fake", "alpha"))
    same(D(real), v, "output/D_real", 1e-9)
    same(D(fake), v, "output/D_fake", 1e-9)
    for norm in ("l1", "l2"):
        same(10 * penalties.pair_distance(real, fake, norm), v, f"output/gan_qp_d_norm_{norm}", 1e-9)
    points = {"real": real.clone().requires_grad_(), "fake": fake.clone().requires_grad_()}
    points["interp"] = penalties.between(real, fake, alpha)
    for place, x in points.items():
        same(penalties.input_gradient(D(x), x).square().sum(1), v, f"output/sqnorm_{place}", 1e-9)

    weights, values = dict(D.named_parameters()), {}
    names = [k.removeprefix("output/") for k in v.arrays if k.startswith("output/") and v.arrays[k].shape == ()]
    names = [name for name in names if not name.endswith("_WRONG_batch_norm")]
    for key, compute in known(names, penalty_of, "penalty").items():
        values[key] = loss = compute(D, real, fake, alpha)
        same(loss, v, f"output/{key}", 1e-9)
        grads = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        ours = {
            k: torch.zeros_like(w) if g is None else g for (k, w), g in zip(weights.items(), grads, strict=True)
        }
        near_each(ours, {k: v[f"grad/{key}/{k}"] for k in ours if f"grad/{key}/{k}" in v}, key, 1e-9, largest=True)

    def equal(one: str, *others: tuple[float, str]) -> None:
        if one in values and all(name in values for _, name in others):
            close(values[one], sum(c * values[name] for c, name in others), one, rtol=1e-12)

    equal("wgan_div_real_k5_p2", (1, "r1_gamma10"))
    equal("wgan_div_real_fake_k10_p2", (1, "r1_gamma10"), (1, "r2_gamma10"))
    equal("gan_qp_l1_d_loss", (1, "wgan_d_loss"), (1, "gan_qp_l1_quadratic"))
    equal("wgan_div_interp_k10_p6", (5, "wgan_div_interp_k2_p6"))
    if (wrong := v.get("output/gan_qp_l1_d_loss_WRONG_batch_norm")) is not None:
        ours = values.get("gan_qp_l1_d_loss")
        assert ours is None or not torch.isclose(ours, wrong, rtol=1e-7)


# ---- the Dirac pair in the plane: the losses' own gradient flow


def dirac_losses(name: str):
    """A system's name as (phi, theta) -> losses of D and of G, for data at 0, G at theta and T(x) = phi x.

    A slope that is the same everywhere costs as a penalty at any point; weight decay is half a square.
    """
    number = r"([\d.]+)"
    zero = torch.zeros(1, 2, dtype=torch.float64)

    def scores(phi: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        return zero @ phi, theta[None] @ phi

    def wgan(phi: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        real, fake = scores(phi, theta)
        return losses.wasserstein_d(real, fake), losses.wasserstein_g(fake)

    def penalised(penalty):
        def both(phi: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
            loss_d, loss_g = wgan(phi, theta)
            x = theta.detach()[None].requires_grad_()
            return loss_d + penalty(x @ phi, x), loss_g

        return both

    if name == "sgan":

        def standard(phi: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
            real, fake = scores(phi, theta)
            return losses.nonsaturating_d(real, fake), losses.nonsaturating_g(fake)

        return standard
    if name == "wgan_unit":
        return lambda phi, theta: wgan(phi / phi.norm(), theta)
    if m := re.fullmatch(rf"gp_c([01])_lam{number}", name):
        slope = penalties.wgan_gp if m[1] == "1" else penalties.r1
        return penalised(lambda logits, x: float(m[2]) * slope(logits, x))
    if m := re.fullmatch(rf"wgan_div_k{number}_p{number}", name):
        return penalised(lambda logits, x: float(m[1]) * penalties.wgan_div(logits, x, float(m[2])))
    if m := re.fullmatch(rf"gan_qp(_script)?_lam{number}(?:_l2_{number})?", name):

        def quadratic(phi: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
            (real, fake), (loss_d, loss_g) = scores(phi, theta), wgan(phi, theta)
            # the official script divides by the length of phi, which its own potential does not say
            length = (phi if m[1] else theta).detach().norm()
            decay = float(m[3] or 0) / 2 * phi.square().sum()
            return loss_d + penalties.quadratic_potential(real, fake, float(m[2]) * length) + decay, loss_g

        return quadratic
    return None


def dirac_formula(name: str):
    """The same flow by hand, (t, y) -> y' in numpy: thousands of gradients by autograd would take half a minute."""
    number = r"([\d.]+)"
    damping = lambda phi, theta: 0 * phi  # noqa: E731
    if m := re.fullmatch(rf"gp_c([01])_lam{number}", name):
        target, weight = float(m[1]), float(m[2])
        damping = lambda phi, theta: 2 * weight * (1 - target / np.linalg.norm(phi)) * phi  # noqa: E731
    elif m := re.fullmatch(rf"wgan_div_k{number}_p{number}", name):
        k, p = float(m[1]), float(m[2])
        damping = lambda phi, theta: k * p * (phi @ phi) ** (p / 2 - 1) * phi  # noqa: E731
    elif m := re.fullmatch(rf"gan_qp(_script)?_lam{number}(?:_l2_{number})?", name):
        of_phi, weight, decay = m[1], float(m[2]), float(m[3] or 0)
        damping = lambda phi, theta: (  # noqa: E731
            theta * (phi @ theta) / (weight * np.linalg.norm(phi if of_phi else theta)) + decay * phi
        )

    def field(_: float, y: np.ndarray) -> np.ndarray:
        phi, theta = y[:2], y[2:]
        s = phi @ theta
        if name == "sgan":
            fake = 1 / (1 + np.exp(-s))
            return np.concatenate([-fake * theta, (1 - fake) * phi])
        if name == "wgan_unit":
            r = np.linalg.norm(phi)
            return np.concatenate([-theta / r + s * phi / r**3, phi / r])
        return np.concatenate([-theta - damping(phi, theta), phi])

    return field


@pytest.mark.parametrize("path", files("baselines-dirac*.npz"))
def test_dirac_pair(path):
    v = Vectors(path)
    start = v.arrays["input/y0_phi1_phi2_theta1_theta2"]
    names = sorted({k.split("/")[1] for k in v.arrays if k.startswith("output/")})
    assert names
    for name, players in known(names, dirac_losses, "system").items():

        def flow(y: np.ndarray, players=players) -> np.ndarray:
            phi, theta = (torch.tensor(part, requires_grad=True) for part in (y[:2], y[2:]))
            loss_d, loss_g = players(phi, theta)
            (on_d,) = torch.autograd.grad(loss_d, phi, retain_graph=True)
            (on_g,) = torch.autograd.grad(loss_g, theta)
            return -torch.cat([on_d, on_g]).numpy()

        t, y = v.arrays[f"output/{name}/t"], v.arrays[f"output/{name}/y"]
        field = dirac_formula(name)
        for point in y[:: max(len(y) // 20, 1)]:
            np.testing.assert_allclose(flow(point), field(0.0, point), rtol=1e-9, atol=1e-12, err_msg=name)
        solved = solve_ivp(field, (t[0], t[-1]), start, "DOP853", t, rtol=1e-10, atol=1e-12)
        assert solved.success
        np.testing.assert_allclose(solved.y.T, y, rtol=0, atol=1e-7, err_msg=name)
        if f"output/{name}/y_rk45_default_tolerance" in v:
            coarse = solve_ivp(field, (t[0], t[-1]), start, "RK45", t)
            stored = v.arrays[f"output/{name}/y_rk45_default_tolerance"]
            np.testing.assert_allclose(coarse.y.T, stored, rtol=0, atol=1e-6, err_msg=f"{name}, RK45")


# ---- relations; zoo/baselines/README.md derives them


@pytest.mark.parametrize("path", files("baselines-relations*.npz"))
def test_r1_is_a_wgan_div(path):
    v = Vectors(path)
    w1, b1, w2 = (v[f"r1div/param/{k}"].requires_grad_() for k in ("W1", "b1", "W2"))
    real, fake = (v[f"r1div/input/x_{k}"].requires_grad_() for k in ("real", "fake"))
    gamma = v["r1div/input/gamma"].item()

    def D(x: Tensor) -> Tensor:
        return (torch.tanh(x @ w1.t() + b1) @ w2.t()).squeeze(1)

    def div(k: float, p: float, *places: Tensor) -> Tensor:
        """k times the mean over the mixture of the places."""
        return k * sum(penalties.wgan_div(D(x), x, p) for x in places) / len(places)

    r1, r2 = (gamma / 2 * penalties.r1(D(x), x) for x in (real, fake))
    same(r1, v, "r1div/output/R1", 1e-10)
    same(r2, v, "r1div/output/R2", 1e-10)
    same(r1 + r2, v, "r1div/output/R1_plus_R2", 1e-10)
    close(div(gamma / 2, 2, real), r1, "R1 is k = gamma / 2, p = 2 on real images", rtol=1e-12)
    close(div(gamma / 2, 2, fake), r2, "R2 on fakes", rtol=1e-12)
    close(div(gamma, 2, real, fake), r1 + r2, "both, k = gamma on the mixture", rtol=1e-12)
    same(div(2, 6, real), v, "r1div/output/div_k2_p6_real", 1e-10)
    same(div(2, 6, real, fake), v, "r1div/output/div_k2_p6_mixture", 1e-10)
    for name, x in (("real", real), ("fake", fake)):
        same(penalties.input_gradient(D(x), x).square().sum(1), v, f"r1div/output/sqnorm_{name}", 1e-10)
    for name, value in (("R1", r1), ("div_k2_p6_real", div(2, 6, real))):
        grads = torch.autograd.grad(value, [w1, b1, w2])
        for key, grad in zip(("W1", "b1", "W2"), grads, strict=True):
            same(grad, v, f"r1div/grad/{name}/{key}", 1e-10)


@pytest.mark.parametrize("path", files("baselines-relations*.npz"))
def test_wgan_div_of_a_dirac_pair(path):
    """At the stored slope of a linear critic the loss is stationary, and its negative is the stored divergence."""
    v = Vectors(path)
    for k, p, delta, slope, value in v["wdiv_dirac/table_k_p_delta_slope_value"]:
        s = slope.clone().requires_grad_()
        x = torch.stack([delta, torch.zeros_like(delta)])[:, None].requires_grad_()
        scores = (x * s).squeeze(1)
        loss = losses.wasserstein_d(scores[:1], scores[1:]) + k * penalties.wgan_div(scores, x, p.item())
        close(-loss, value, f"k {k} p {p} delta {delta}", rtol=1e-9)
        (grad,) = torch.autograd.grad(loss, s)
        assert abs(grad) < 1e-9
        close((delta / (k * p)) ** (1 / (p - 1)), slope, "s*", rtol=1e-9)


@pytest.mark.parametrize("path", files("baselines-relations*.npz"))
def test_gan_qp_optimum(path):
    v = Vectors(path)
    p, q, x, scale = (v[f"qp/input/{k}"] for k in ("p", "q", "x", "lambda"))
    distance = scale * (x[:, None] - x).abs()
    a, b = p[:, None] * q, q[:, None] * p
    pairs = torch.triu(torch.ones_like(a), 1).bool()

    def potential(i: Tensor, j: Tensor, d: Tensor) -> Tensor:
        """GAN-QP's value of single pairs, by our losses."""
        one = [(losses.wasserstein_d(r[None], f[None]), penalties.quadratic_potential(r[None], f[None], e[None]))
               for r, f, e in zip(i, j, d, strict=True)]  # fmt: skip
        return -torch.stack([loss + quadratic for loss, quadratic in one])

    def value(delta: Tensor) -> Tensor:
        """Of any antisymmetric Delta T, whether or not it is a difference of numbers."""
        d, zeros = distance[pairs], torch.zeros_like(delta[pairs])
        forth, back = potential(delta[pairs], zeros, d), potential(zeros, delta[pairs], d)
        return (a[pairs] * forth + b[pairs] * back).sum()

    star = v["qp/output/delta_T_star_pairwise"]
    same(distance * (a - b) / (a + b), v, "qp/output/delta_T_star_pairwise", 1e-10, 1e-12)
    assert (star.abs() <= distance + 1e-12).all()
    same(value(star), v, "qp/output/value_pairwise", 1e-10)
    same((distance * (a - b) ** 2 / (2 * (a + b)))[pairs].sum(), v, "qp/output/value_pairwise", 1e-10)
    unary = v["qp/output/T_star_unary_gauge0"].requires_grad_()
    best = value(unary[:, None] - unary)
    same(best, v, "qp/output/value_unary", 1e-10)
    (grad,) = torch.autograd.grad(best, unary)
    assert grad.abs().max() < 1e-9
    same(distance[0] / 2, v, "qp/output/dirac_value_lambda_d_half", 1e-10)
    one = distance[:1, 1:].flatten()
    close(potential(one, 0 * one, one), one / 2, "two Diracs: Delta T = lambda d, half of it the value", rtol=1e-12)


@pytest.mark.parametrize("path", files("baselines-relations*.npz"))
def test_consistency_against_the_quadratic_term(path):
    v = Vectors(path)
    x1, x2, equal, y1, y2 = (v[f"ctqp/input/{k}"] for k in ("x1", "x2", "x2_equal", "y1", "y2"))
    scale, weight = v["ctqp/input/lambda"], v["ctqp/input/lambda2"]
    nothing = torch.zeros(len(y1), 1, dtype=y1.dtype)

    def ct(a: Tensor, b: Tensor) -> Tensor:
        """M' = 0, without the part of the hidden layer."""
        return weight * penalties.consistency((a, b), (nothing[: len(a)], nothing[: len(a)]))

    def qp(a: Tensor, b: Tensor, d: Tensor) -> Tensor:
        return penalties.quadratic_potential(a, b, scale * d)

    distance = (x1 - x2).norm(dim=1)
    each = [slice(i, i + 1) for i in range(len(y1))]
    slopes = (y1 - y2).abs() / distance
    same(slopes, v, "ctqp/output/slopes", 1e-10)
    of_ct = torch.stack([ct(y1[i], y2[i]) for i in each])
    of_qp = torch.stack([qp(y1[i], y2[i], distance[i]) for i in each])
    same(of_ct, v, "ctqp/output/ct_terms_M0", 1e-10)
    same(of_qp, v, "ctqp/output/qp_terms", 1e-10)
    close(of_ct, weight * slopes.square() * distance.square(), "CT is lambda2 s^2 d^2")
    close(of_qp, slopes.square() * distance / (2 * scale), "QP is s^2 d / (2 lambda)")
    same(ct(y1, y2), v, "ctqp/output/mean_ct", 1e-10)
    same(qp(y1, y2, distance), v, "ctqp/output/mean_qp", 1e-10)
    same(1 / (2 * scale * weight), v, "ctqp/output/distance_at_which_equal", 1e-10)
    at = (x1 - equal).norm(dim=1)
    close(at, v["ctqp/output/distance_at_which_equal"].expand(len(at)), "distance", rtol=1e-9)
    close(qp(y1, y2, at), ct(y1, y2), "the two terms at that distance", rtol=1e-9)


class TwoSlots(nn.Module):
    """A synthesis with two slots, its first map and the vector that styles every layer, of StyleGAN's parts."""

    def __init__(self, param: dict[str, Tensor]) -> None:
        super().__init__()
        self.convs, self.noises, self.styles = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for i in range(sum(bool(re.fullmatch(r"conv\d+\.weight", k)) for k in param)):
            weight, affine = param[f"conv{i}.weight"], param[f"affine{i}.weight"]
            self.convs.append(
                nn.Conv2d(*weight.shape[1::-1], weight.shape[2:], padding=weight.shape[2] // 2).double()
            )
            self.noises.append(AddNoise(len(weight), 1).double())
            self.styles.append(nn.Linear(*affine.shape[::-1]).double())
            for module, of in ((self.convs[-1], f"conv{i}"), (self.styles[-1], f"affine{i}")):
                load(module, {k: param[f"{of}.{k}"] for k in ("weight", "bias")})
            load(self.noises[-1], {"strength": param[f"noise{i}.strength"]})
        rgb = param["rgb.weight"]
        self.rgb = nn.Conv2d(*rgb.shape[1::-1], 1).double()
        load(self.rgb, {k: param[f"rgb.{k}"] for k in ("weight", "bias")})

    def forward(self, x: Tensor, style: Tensor, noises: list[Tensor] | None = None) -> Tensor:
        for i, (conv, noise, affine) in enumerate(zip(self.convs, self.noises, self.styles, strict=True)):
            x = conv(upscale(x) if i else x)
            x = instance_norm(leaky(x if noises is None else noise(x, noises[i])))
            scale, shift = affine(style)[:, :, None, None].chunk(2, 1)
            x = x * (scale + 1) + shift
        return self.rgb(x)


@pytest.mark.parametrize("path", files("baselines-relations*.npz"))
def test_stylegan_is_a_conditional_gan_with_its_inputs_exchanged(path):
    v = Vectors(path)
    param = {k: torch.from_numpy(a) for k, a in v.group("swap/param/").items()}
    z, label = v["swap/input/z"], v["swap/input/labels"]
    S = TwoSlots(param)
    noises = [v[f"swap/input/noise{i}"] for i in range(len(S.convs))]

    # conditional GAN: noise at the input, the class through the layers
    first = F.linear(z, param["cgan_input.weight"], param["cgan_input.bias"]).unflatten(
        1, (-1, *param["const"].shape[2:])
    )
    same(S(first, param["label_embedding"][label]), v, "swap/output/cgan", 1e-10)

    # StyleGAN: a constant at the input, noise through the layers
    w = pixel_norm(z)
    for i in range(sum(bool(re.fullmatch(r"map\d+\.weight", k)) for k in param)):
        w = leaky(F.linear(w, param[f"map{i}.weight"], param[f"map{i}.bias"]))
    constant_map = param["const"].expand(len(z), -1, -1, -1)
    same(S(constant_map, w), v, "swap/output/stylegan_no_noise", 1e-10)
    same(S(constant_map, w, noises), v, "swap/output/stylegan", 1e-10)


@pytest.mark.parametrize("path", files("baselines-relations*.npz"))
def test_introvae_saves_a_discriminator(path):
    """Rows alternate: the authors' program, and equal widths without a learned shortcut."""
    v = Vectors(path)
    for i, (size, *stored, saved, saved_if_copy) in enumerate(
        v["introvae/table_size_E_G_Dtrunk_saved_savedIfDisE"]
    ):
        size = int(size)
        E, G, D = introvae.three_networks(size, introvae.WIDTHS[size], expand_equal_above_256=i % 2 == 0)
        assert [int(n) for n in stored] == [E, G, D]
        assert pytest.approx(saved.item(), abs=1e-10) == D / (E + G + D)
        assert pytest.approx(saved_if_copy.item(), abs=1e-10) == E / (2 * E + G)
        assert 0.26 < D / (E + G + D) < 0.38


def test_a_discriminator_of_pairs_is_about_a_third_of_three_networks():
    def share(*networks: nn.Module) -> float:
        *_, d = counts = [sum(p.numel() for p in net.parameters()) for net in networks]
        return d / sum(counts)

    with torch.device("meta"):
        dense = bigan.Encoder(), bigan.Generator(), bigan.Discriminator()
        assert share(*dense) == pytest.approx(0.330, abs=5e-4)
        for side, stored in ((128, 0.348), (256, 0.338)):
            E, G = keras_dcgan.Encoder(side, n_out=side), keras_dcgan.Generator(side, latent_dim=side)
            assert share(E, G, keras_dcgan.JointCritic(side, latent_dim=side)) == pytest.approx(stored, abs=5e-4)
