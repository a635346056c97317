"""IntroVAE's networks, losses, warm-up and introspective steps against the authors' modules and main.py.

Everything is built from a file's meta and shapes, evaluated in float64 and compared at the tolerance of the card.
"""

import re

import pytest
import torch
from fitting import fit
from torch import nn
from vectors import Vectors, close, files, with_modern_adam

from zoo.networks import introvae as networks
from zoo.networks.modes import evaluating
from zoo.objectives.losses import gaussian_kl, introspective_e, introspective_g, squared_error
from zoo.official import introvae as official
from zoo.papers.introvae import IntroVAE, regularization

RTOL, RTOL_STEP = 1e-6, 1e-5  # the card's, in float64


def arguments(v: Vectors) -> dict:
    """The networks' arguments, read off the shapes of the parameters."""
    shapes = {name: array.shape for name, array in v.group("param/").items()}
    sizes = [int(m[1]) for n in shapes if (m := re.fullmatch(r"decoder\.main\.res_in_(\d+)\.conv1\.weight", n))]
    inner = sorted((size for size in sizes if 4 < size < max(sizes)), reverse=True)
    stem = shapes["encoder.main.0.weight"]
    expanded = [shape for name, shape in shapes.items() if name.endswith("conv_expand.weight")]
    return {
        "resolution": max(sizes),
        "widths": [stem[0], *(shapes[f"encoder.main.res_in_{size}.conv1.weight"][0] for size in inner)],
        "latent_dim": shapes["decoder.fc.0.weight"][1],
        "channels": stem[1],
        "expand_equal_above_256": any(shape[0] == shape[1] for shape in expanded),
    }


def pair(v: Vectors) -> tuple[nn.Module, nn.Module]:
    """E and G in float64, with the file's weights and statistics."""
    found = []
    for of, network in (("encoder", networks.Encoder), ("decoder", networks.Generator)):
        net = network(**arguments(v))
        net.load_state_dict(official.convert(v.group("param/"), of))
        found.append(net.double())
    return found[0], found[1]


def check_state(net: nn.Module, v: Vectors, prefix: str, of: str, rtol: float) -> None:
    """Every array of a network's state under `prefix`; the counters of batch norm where the file has them."""
    state, expected = net.state_dict(), official.convert(v.group(prefix), of)
    assert expected
    for name, value in expected.items():
        close(state[name], value, f"{prefix}{name}", rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("path", files("introvae-net*.npz"))
def test_networks(path):
    v = Vectors(path)
    E, G = pair(v)
    x, z = v["input/x"], v["input/z"]
    with evaluating(E), evaluating(G), torch.no_grad():
        mean, logvar = E(x)
        close(mean, v["output/eval_mu"], "mean", RTOL)
        close(logvar, v["output/eval_logvar"], "log variance", RTOL)
        close(G(z), v["output/eval_decode_z"], "decoded z", RTOL)
        if "input/eps" in v:
            drawn = mean + (logvar / 2).exp() * v["input/eps"]
            close(drawn, v["output/eval_z"], "draw from the posterior", RTOL)
            close(G(drawn), v["output/eval_rec"], "reconstruction", RTOL)
    E.train(), G.train()
    mean, logvar = E(x)
    close(mean, v["output/train_mu"], "mean in train mode", RTOL)
    close(logvar, v["output/train_logvar"], "log variance in train mode", RTOL)
    close(G(z), v["output/train_decode_z"], "decoded z in train mode", RTOL)
    check_state(E, v, "bn_after/", "encoder", RTOL)
    check_state(G, v, "bn_after/", "decoder", RTOL)


@pytest.mark.parametrize("path", files("introvae-losses*.npz"))
def test_losses(path):
    v, m = Vectors(path), Vectors(path).meta
    posteriors = {
        kind: (v[f"input/{kind}_mu"].requires_grad_(), v[f"input/{kind}_logvar"].requires_grad_())
        for kind in ("real", "rec", "fake")
    }
    x, x_rec = v["input/x"], v["input/x_rec"].requires_grad_()
    for kind, (mean, logvar) in posteriors.items():
        close(gaussian_kl(mean, logvar / 2), v[f"output/kl_{kind}_per_sample"], f"KL of {kind}", RTOL)
        close(regularization((mean, logvar)), v[f"output/kl_{kind}"], f"mean KL of {kind}", RTOL)
    loss_rec = squared_error(x, x_rec)
    close(loss_rec, v["output/loss_rec"], "reconstruction", RTOL)
    close(loss_rec * len(x), v["output/loss_rec_sum"], "reconstruction, summed", RTOL)

    reg = {kind: regularization(posterior) for kind, posterior in posteriors.items()}
    adversarial_e = introspective_e(reg["real"], reg["rec"], reg["fake"], m["m_plus"], m["weight_neg"])
    close(adversarial_e, v["output/loss_margin"], "L_adv_E", RTOL)
    loss_e = m["weight_rec"] * loss_rec + m["weight_kl"] * adversarial_e
    close(loss_e, v["output/lossE"], "encoder's loss", RTOL)
    loss_g = m["weight_kl"] * introspective_g(reg["rec"], reg["fake"])
    close(loss_g, v["output/lossG_adv"], "L_adv_G", RTOL)
    leaves = {
        f"{kind}_{part}": t for kind, p in posteriors.items() for part, t in zip(("mu", "logvar"), p, strict=True)
    }
    leaves["x_rec"] = x_rec
    for loss, prefix in ((loss_e, "output/grad_lossE/"), (loss_g, "output/grad_lossG_adv/")):
        names = list(v.group(prefix))
        assert names
        gradients = torch.autograd.grad(loss, [leaves[n] for n in names], retain_graph=True, materialize_grads=True)
        for name, gradient in zip(names, gradients, strict=True):
            close(gradient, v[prefix + name], prefix + name, RTOL)


class Replayed(IntroVAE):
    """IntroVAE with the vectors' normal numbers in the order of their use; keeps gradients and states."""

    def replay(self, v: Vectors, steps: int) -> None:
        names = ("eps",) if v.meta["num_vae"] else ("noise", "eps")  # the warm-up draws no samples
        self.normal = iter([v[f"input/{name}_{i}"] for i in range(steps) for name in names])
        argv = dict(word.removeprefix("--").split("=", 1) for word in v.meta.get("argv", []) if "=" in word)
        self.rates = [float(argv.get(name, self.lr)) for name in ("lr_g", "lr_e")]
        self.adam = v.meta.get("adam", {})
        self.gradients, self.after, self.seen = [], [], []

    def latents(self, n):
        z = next(self.normal)
        assert len(z) == n
        return z

    def configure_optimizers(self):
        """The module's own, with what the authors' program was given for each network."""
        optimizers = with_modern_adam(super().configure_optimizers())
        for optimizer, rate in zip(optimizers, self.rates, strict=True):
            optimizer.param_groups[0].update(self.adam, lr=rate)
        return optimizers

    def apply_gradients(self, optimizer, clip=None):
        net = self.G if optimizer is self.opt_g else self.E
        other = self.E if net is self.G else self.G
        self.gradients.append((net, {n: p.grad.clone() for n, p in net.named_parameters()}))
        before = [p.clone() for p in other.parameters()]
        super().apply_gradients(optimizer, clip)
        assert all(torch.equal(a, b) for a, b in zip(before, other.parameters(), strict=True))

    def report(self, scalars):
        super().report(scalars)
        self.after.append([{k: t.clone() for k, t in net.state_dict().items()} for net in (self.E, self.G)])
        self.seen.append(scalars)


#: what the file calls it -> what the log calls it
NAMES = {
    "loss_rec": "loss/L_AE",
    "kl": "L_REG/real",
    "loss": "loss/d",
    "lossE": "loss/d",
    "lossG_adv": "loss/L_adv_G",
    "E_real_kl": "L_REG/real",
    "E_rec_kl": "L_REG/reconstruction",
    "E_fake_kl": "L_REG/sample",
    "G_rec_kl": "L_REG/reconstruction_g",
    "G_fake_kl": "L_REG/sample_g",
}


def replayed(v: Vectors, steps: int) -> Replayed:
    about, m = arguments(v), v.meta
    del about["channels"]
    gan = Replayed(
        **about,
        margin=m["m_plus"],
        weight_rec=m["weight_rec"],
        weight_kl=m["weight_kl"],
        weight_neg=m["weight_neg"],
        vae_kimg=1 if m["num_vae"] else 0,
        lr=m["lr"],
        batch_size=len(v["input/x_0"]),
    )
    gan.D, gan.G = pair(v)  # images of the file may have another number of colours than the module's
    gan.replay(v, steps)
    return gan


@pytest.mark.parametrize("path", [*files("introvae-step*.npz"), *files("introvae-vaestep*.npz")])
def test_training_steps(path):
    """The module's own training_step under Lightning, in float64, against iterations of the official main.py."""
    v = Vectors(path)
    steps = len([name for name in v.arrays if name.startswith("input/x_")])
    gan = replayed(v, steps)
    fit(gan, [(2 * v[f"input/x_{i}"] - 1, None) for i in range(steps)])
    assert len(gan.after) == steps
    gradients = iter(gan.gradients)
    for i, ((encoder, generator), seen) in enumerate(zip(gan.after, gan.seen, strict=True)):
        by_net = dict(next(gradients) for _ in range(2))
        for net, state, of, prefix in (
            (gan.E, encoder, "encoder", f"gradE_it{i}/"),
            (gan.G, generator, "decoder", f"gradG_it{i}/"),
        ):
            expected = official.convert(v.group(prefix), of)
            assert expected.keys() == by_net[net].keys()
            for name, value in expected.items():
                close(by_net[net][name], value, f"{prefix}{name}", rtol=RTOL_STEP)
            for name, value in official.convert(v.group(f"after_it{i}/"), of).items():
                close(state[name], value, f"after_it{i}/{of}.{name}", rtol=RTOL_STEP)
            if f"after_it{i}/nbt_{of}" in v:
                assert int(state["blocks.4.norm1.num_batches_tracked"]) == int(v[f"after_it{i}/nbt_{of}"])
        expected = {n: v[f"output/it{i}/{n}"] for n in NAMES if f"output/it{i}/{n}" in v}
        assert {"loss_rec"} < expected.keys()
        for name, value in expected.items():
            close(torch.as_tensor(seen[NAMES[name]]), value, f"it{i}/{name}", rtol=RTOL)
