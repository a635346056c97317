"""VGAN's networks, KL, dual ascent, baselines and whole training steps against the authors' modules and Trainer.

Everything is built from a file's meta, evaluated in float64 and compared at the tolerance the files state.
"""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fitting import fit
from torch import Tensor, nn
from vectors import Vectors, close, counterpart, files

from zoo.networks.r1gan import Generator
from zoo.networks.vgan import Discriminator
from zoo.objectives.losses import gaussian_kl, nonsaturating_d
from zoo.official import vgan as official
from zoo.papers.vgan import VGAN

RTOL = 1e-6  # float64, of every file's meta, in words
#: official reg_type -> our bottleneck and penalty
REGULARISERS = {
    "none": ("none", "none"),
    "real": ("none", "r1"),
    "wgangp": ("none", "wgan_gp"),
    "instnoise": ("noise", "none"),
    "vgan": ("gaussian", "none"),
    "vgan_real": ("gaussian", "r1"),
}
GP_WEIGHT = 10.0  # of VGAN-GP, written into the official train.py:73


def agree(ours: Tensor, official_value: Tensor, what: str) -> None:
    close(ours, official_value, what, rtol=RTOL, atol=1e-12)


def loaded(net: nn.Module, arrays: dict, of: str) -> nn.Module:
    net.load_state_dict(official.convert(arrays, of))
    return net.double()


def n_classes(about: dict) -> int:
    """One label is the unconditional model."""
    return about["nlabels"] if about["nlabels"] > 1 else 0


@pytest.mark.parametrize("path", files("vgan-net*.npz"))
def test_networks(path):
    v = Vectors(path)
    about = v.meta["constructor"]
    sizes = (about["size"], about["nfilter"], about["nfilter_max"])
    G = Generator(*sizes, about["z_dim"], n_classes(about), about["embed_size"])
    bottleneck = counterpart(REGULARISERS, about["reg_type"], "reg_type")[0]
    D = Discriminator(*sizes, n_classes(about), bottleneck, about["vgan_latent_dim"])
    loaded(G, v.group("param/G."), "G")
    loaded(D, v.group("param/D."), "D")
    x, y = v["input/x"], v["input/y"]
    agree(G(v["input/z"], y), v["output/G_img"], "image")

    D.bottleneck.noise = lambda mean: v["input/eps"]
    logits, kl = D.logits_and_kl(x, y)
    agree(logits, v["output/D_out"], "logits")
    if bottleneck == "gaussian":
        features = D.trunk(x)
        mean, logstd = D.bottleneck.mean(features), D.bottleneck.logstd(features)
        agree(mean, v["output/mu"], "mean")
        agree(logstd, v["output/logstd"], "logstd")
        agree(kl, v["output/kl_per_position"], "KL of each position")
        agree(gaussian_kl(mean, logstd).mean(), v["output/kl_mean"], "KL")
    agree(F.softplus(-logits).mean(), v["output/bce_real"], "loss as real")
    both = v["output/bce_real"] + v["output/bce_fake"]
    agree(nonsaturating_d(logits, logits), both, "loss as real and as fake")


class Replayed(VGAN):
    """VGAN with the vectors' latents and noise in the order they are consumed; keeps what each step did."""

    def replay(self, v: Vectors) -> None:
        steps = range(v.meta["iterations"])
        self.z = (v[f"input/{name}_{i}"] for i in steps for name in ("z", "zg"))
        eps = (v[f"input/{name}_{i}"] for i in steps for name in ("eps_real", "eps_fake", "eps_g"))
        self.D.bottleneck.noise = lambda mean: next(eps)
        self.grads, self.after, self.seen = {"G": [], "D": []}, [], []
        self.betas, self.judged = [], []
        self.original_loss_g, self.loss_g = self.loss_g, self.loss_of_g

    def latents(self, n):
        z = next(self.z)
        assert len(z) == n
        return z

    def update(self, optimizer, loss, clip=None):
        which = "G" if optimizer is self.opt_g else "D"
        if which == "D":
            self.betas.append(self.beta.clone())
        super().update(optimizer, loss, clip)
        named = getattr(self, which).named_parameters()
        self.grads[which].append({k: torch.zeros_like(p) if p.grad is None else p.grad.clone() for k, p in named})

    def loss_of_g(self, logits: Tensor) -> Tensor:
        self.judged.append(logits.detach())
        return self.original_loss_g(logits)

    def report(self, scalars):
        super().report(scalars)
        self.after.append({k: t.clone() for k, t in self.state_dict().items() if isinstance(t, Tensor)})
        self.seen.append({k: torch.as_tensor(x).detach() for k, x in scalars.items()})


STEPS = [*files("vgan-steps*.npz"), *files("vgan-gpsteps*.npz"), *files("vgan-baseline-*.npz")]


@pytest.mark.parametrize("path", STEPS)
def test_training_steps(path, monkeypatch):
    """The module's own training_step under Lightning, in float64, against the official steps and average."""
    v = Vectors(path)
    about, reg_type = v.meta["constructor"], v.meta["constructor"]["reg_type"]
    bottleneck, penalty = counterpart(REGULARISERS, reg_type, "reg_type")
    weight = GP_WEIGHT if reg_type == "vgan_real" else v.meta["reg_param_initial"]
    sign = -1.0 if v.meta["gan_type"] == "wgan" else 1.0  # the official critic is low on real images
    gan = Replayed(
        resolution=about["size"],
        n_classes=n_classes(about),
        width_g=about["nfilter"],
        width_d=about["nfilter"],
        max_width=about["nfilter_max"],
        embed_dim=about["embed_size"],
        latent_dim=about["z_dim"],
        bottleneck=bottleneck,
        code_channels=about["vgan_latent_dim"],
        information=v.meta["target_kl"],
        beta=v.meta["reg_param_initial"],
        beta_step=v.meta["beta_step"] if v.meta["adaptive_beta"] else 0.0,
        loss=counterpart({"standard": "nonsaturating", "wgan": "wasserstein"}, v.meta["gan_type"], "gan_type"),
        penalty=penalty,
        gamma=2 * weight,
        lr=v.meta["lr"],
        ema_decay=v.meta["ema_decay"],
        batch_size=len(v["input/x_0"]),
    )
    # the buffer is made in float32, the official number in float64
    gan.double().beta.fill_(v.meta["reg_param_initial"] if bottleneck == "gaussian" else 0.0)
    loaded(gan.G, v.group("param/G."), "G")
    loaded(gan.D, v.group("param/D."), "D")
    for p in gan.D.head.parameters():
        p.data.mul_(sign)
    gan.G_ema.load_state_dict(gan.G.state_dict())
    gan.replay(v)
    if "input/u_0" in v:
        u = (v[f"input/u_{i}"] for i in range(v.meta["iterations"]))
        monkeypatch.setattr(torch, "rand", lambda *size, **options: next(u).view(size))
    zeros = torch.zeros(len(v["input/x_0"]), dtype=torch.int64)  # the labels of a file that has none
    labels = (v.get(f"input/y_{i}") for i in range(v.meta["iterations"]))
    batches = [(v[f"input/x_{i}"], zeros if y is None else y) for i, y in enumerate(labels)]
    fit(gan, batches)
    assert len(gan.seen) == len(batches)

    def converted(prefix: str, of: str) -> dict[str, Tensor]:
        expected = official.convert(v.group(prefix), of)
        return {k: sign * x.double() if k.startswith("head") else x.double() for k, x in expected.items()}

    compared = 0
    for i, (seen, state) in enumerate(zip(gan.seen, gan.after, strict=True)):
        out = {k: v[f"output/it{i}/{k}"] for k in v.group(f"output/it{i}/")}
        agree(seen["loss/d"], out["dloss"], "D loss")
        agree(out["dloss_real"] + out["dloss_fake"], out["dloss"], "the file's own sum")
        agree(seen["loss/g"], out["gloss"], "G loss")
        agree(seen["logits/real"], sign * out["d_real"].mean(), "logits of real images")
        agree(seen["logits/fake"], sign * out["d_fake"].mean(), "logits of fakes")
        agree(gan.judged[i], sign * out["g_d_fake"], "logits of G's fakes")
        regulariser = 0.5 * gan.gamma * seen["penalty/gradient"]
        if "grad2" in out and penalty == "r1":
            agree(seen["penalty/gradient"], out["grad2"].mean(), "penalty")
        if bottleneck == "gaussian":
            agree(seen["kl/real"], out["kl_real"], "KL of real images")
            agree(seen["kl/fake"], out["kl_fake"], "KL of fakes")
            agree(gan.betas[i], out["beta_before"], "beta in the loss")
            agree(seen["beta"], out["beta_after"], "beta after the step")
            regulariser = regulariser + gan.betas[i] * 0.5 * (seen["kl/real"] + seen["kl/fake"])
        agree(regulariser, out["reg_logged"] * out["beta_after"].clamp(min=1e-5), "regulariser")
        for net in "GD":
            for name, value in converted(f"grad{net}_{i}/", net).items():
                agree(gan.grads[net][i][name], value, f"step {i}, gradient of {net}.{name}")
                compared += 1
            for name, value in converted(f"after{net}_{i}/", net).items():
                agree(state[f"{net}.{name}"], value, f"step {i}, {net}.{name}")
                compared += 1
    for name, value in converted("ema_last/", "G").items():
        agree(gan.after[-1][f"G_ema.{name}"], value, f"average of {name}")
        compared += 1
    assert compared == sum(k.startswith(("grad", "after", "ema_last")) for k in v.arrays)


@pytest.mark.parametrize("path", files("vgan-toy*.npz"))
def test_two_point_problem(path):
    """Derived, not official: the optimum spends exactly I_c nats, and its loss is that of the stated optimum."""
    v = Vectors(path)
    x, w = np.polynomial.hermite_e.hermegauss(240)
    x, w = torch.from_numpy(x), torch.from_numpy(w) / math.sqrt(2 * math.pi)
    for row in v["output/table"]:
        column = dict(zip(v.meta["columns"], row, strict=True))
        mean, sigma = column["m"].view(1, 1), column["sigma"].view(1, 1)
        agree(gaussian_kl(mean, sigma.log()).squeeze(), column["I_c"], "KL")
        real = column["slope_w"] * (column["m"] + column["sigma"] * x)  # fakes: the mirror image
        agree(2 * (w * F.softplus(-real)).sum(), column["loss_sum_of_two_bce"], "loss")
        agree(column["slope_w"] * column["m"], column["logit_at_mean"], "logit at the mean")
        assert column["loss_sum_of_two_bce"] >= column["lower_bound_2(ln2-I_c)"]
