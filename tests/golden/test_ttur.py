"""TTUR's networks and update steps, its penalty, its metrics and its toy problem against the authors' code.

In float64 at the tolerances that the files' meta state: DCGAN 1e-6, WGAN-GP 1e-8, what the vectors store in
float32 1e-6. Everything is built from a file's meta and the shapes in it.
"""

import re
from functools import partial

import pytest
import torch
from fitting import fit
from torch import Tensor, nn
from vectors import Vectors, close, files, only

from zoo.engine.optim import AdamEpsilonHat
from zoo.evaluation.metrics import frechet_distance, inception_score, mean_cov
from zoo.lab.saddle import objective, play
from zoo.networks import ttur as networks
from zoo.networks.batchnorm import BiasedBatchNorm2d
from zoo.networks.wgan_gp import GoodCritic, GoodGenerator, layer_norm
from zoo.objectives.losses import nonsaturating_d, nonsaturating_g, wasserstein_d, wasserstein_g
from zoo.objectives.penalties import between, input_gradient, wgan_gp
from zoo.official import ttur as official
from zoo.papers.ttur import TTUR

AVERAGES = ("num_batches_tracked", "running_mean", "running_var")


def agree(ours: Tensor, v: Vectors, key: str, rtol: float = 1e-8) -> None:
    """Compare with a stored output; a file may leave out any but the losses, which the tests ask for by name."""
    if key not in v:
        return
    close(ours, v[key], key, rtol=1e-6 if v.arrays[key].dtype == "float32" else rtol, atol=1e-10)


def in_float32(**constants: float) -> dict[str, float]:
    """Constants as TensorFlow holds them even where the variables are float64."""
    return {name: torch.tensor(value).item() for name, value in constants.items()}


class Replayed(TTUR):
    """TTUR on given networks and latents; keeps each update's loss and gradients and the networks behind it."""

    def replay(self, G: nn.Module, D: nn.Module, z: Tensor, eps: float) -> "Replayed":
        self.G, self.D, self.z, self.eps = G, D, z, eps
        self.double()
        self.total, self.grad, self.after = {}, {}, {}
        return self

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        optimizers = super().configure_optimizers()
        for optimizer in optimizers:
            optimizer.param_groups[0]["epsilon_hat"] = self.eps
        return optimizers

    def latents(self, n: int) -> Tensor:
        assert len(self.z) == n
        return self.z

    def update(self, optimizer, loss: Tensor, clip: float | None = None) -> None:
        super().update(optimizer, loss, clip)
        which, net = ("g", self.G) if optimizer is self.opt_g else ("d", self.D)
        self.total[which] = loss.detach()
        self.grad[which] = {k: p.grad.clone() for k, p in net.named_parameters() if p.grad is not None}
        self.after[which] = {
            part: {k: t.clone() for k, t in net.state_dict().items()}
            for part, net in (("generator", self.G), ("discriminator", self.D))
        }


def check_each(ours: dict[str, Tensor], expected: dict[str, Tensor], what: str, rtol: float = 1e-8) -> None:
    """Compare those of `ours` that the file has; one that is missing is a gradient of zero."""
    for name, grad in expected.items():
        tolerance = 1e-6 if grad.dtype == torch.float32 else rtol
        close(ours.get(name, torch.zeros_like(grad)), grad, f"{what}, {name}", rtol=tolerance)


@pytest.mark.parametrize("path", files("ttur-dcgan*.npz"))
def test_dcgan(path):
    v = Vectors(path)
    config, adam = v.meta["config"], v.meta["config"]["adam"]
    bn = config.get("bn", {"decay": 0.9, "eps": 1e-5})
    momentum = in_float32(momentum=1 - bn["decay"])["momentum"]
    assert {"output/d_loss", "output/g_loss"} <= v.arrays.keys()
    n, size, _, channels = v["input/real_int"].shape
    z = v["input/z"]
    G = networks.generator(size, len(v["param/generator/g_bn3/gamma"]), z.shape[1], channels)
    D = networks.discriminator(size, len(v["param/discriminator/d_h0_conv/biases"]), channels)
    for net, of in ((G, "generator"), (D, "discriminator")):
        missing, unexpected = net.load_state_dict(official.convert_dcgan(v.group("param/"), of, size), strict=False)
        assert not unexpected
        assert all(k.rpartition(".")[2] in AVERAGES for k in missing), missing
        for norm in (m for m in net.modules() if isinstance(m, BiasedBatchNorm2d)):
            norm.momentum, norm.eps = momentum, bn["eps"]
    gan = Replayed(
        resolution=size,
        width_g=1,
        width_d=1,
        **in_float32(lr_d=config["lr_d"], lr_g=config["lr_g"], beta1=adam["beta1"], beta2=adam["beta2"]),
        batch_size=n,
    ).replay(G, D, z, **in_float32(eps=adam["eps"]))
    start = {k: t.clone() for k, t in D.state_dict().items()}
    real = v["input/real_int"].permute(0, 3, 1, 2).double() / 127.5 - 1
    same = partial(agree, v=v, rtol=1e-6)

    G.eval()
    same(G(z).permute(0, 2, 3, 1), key="output/sampler_eval")
    G.train()
    running = {k: t.clone() for k, t in G.state_dict().items()}
    fake = G(z).detach()
    G.load_state_dict(running)
    same(fake.permute(0, 2, 3, 1), key="output/G_train")
    real_logits, fake_logits = D(real), D(fake)
    same(real_logits, key="output/D_logits_real")
    same(fake_logits, key="output/D_logits_fake")
    same(nonsaturating_d(real_logits, fake_logits), key="output/d_loss")
    same(nn.functional.softplus(-real_logits).mean(), key="output/d_loss_real")
    same(nn.functional.softplus(fake_logits).mean(), key="output/d_loss_fake")
    loss_g = nonsaturating_g(D(G(z)))
    same(loss_g, key="output/g_loss")
    weights = dict(G.named_parameters())
    grads = dict(zip(weights, torch.autograd.grad(loss_g, list(weights.values())), strict=True))
    stored = official.convert_dcgan(v.group("output/grad_g_loss/"), "generator", size)
    # a bias before a batch norm has no gradient but for rounding
    check_each(grads, stored, "gradient of g_loss", rtol=1e-6)
    G.load_state_dict(running)
    D.load_state_dict(start)

    # TensorFlow lets D's running averages meet the two batches in either order, or both from the same old value
    alone = []
    for x in (real, fake):
        D(x)
        alone.append({k: t.clone() for k, t in D.state_dict().items()})
        D.load_state_dict(start)

    def raced(name: str) -> list[Tensor]:
        one, two = (state[name] - (1 - momentum) * start[name] for state in alone)
        return [
            (1 - momentum) * alone[1][name] + one,
            (1 - momentum) * start[name] - momentum * start[name] + one + two,
        ]

    fit(gan, [(real, None)])
    same(gan.total["d"], key="output/d_loss")
    stored = official.convert_dcgan(v.group("output/grad_d_loss/"), "discriminator", size)
    check_each(gan.grad["d"], stored, "gradient of d_loss", rtol=1e-6)
    for key, which in (("after_D_step", "d"), ("after_D_then_G_step", "g")):
        for part in ("generator", "discriminator"):
            expected = official.convert_dcgan(v.group(f"output/{key}/"), part, size)
            for name, value in expected.items():
                ours = gan.after[which][part][name]
                if part == "discriminator" and "running" in name:
                    before = gan.after["d"][part][name]
                    # G's step moves them once more, whatever they were
                    moved = ours - before if which == "d" else ours - (1 - momentum) * before
                    kept = 1 if which == "d" else 1 - momentum
                    choices = [ours, *(kept * t + moved for t in raced(name))]
                    ours = min(choices, key=lambda t: (t - value).abs().sum())
                close(ours, value, f"{key}, {part}, {name}", rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("path", files("ttur-wgangp*.npz"))
def test_wgan_gp(path, monkeypatch):
    v = Vectors(path)
    config, adam = v.meta["config"], v.meta["config"]["adam"]
    assert {"output/disc_cost", "output/gen_cost"} <= v.arrays.keys()
    images = v["input/real_int"]
    n, channels, size, _ = images.shape
    z, alpha = v["input/G_noise"], v["input/gp_alpha"]
    width_g = len(v["param/Generator.Output.Filters"][0, 0])
    width_d = v["param/Discriminator.Input.Filters"].shape[-1]
    pack, rest = divmod(len(v["param/Discriminator.Output.W"]), 8 * width_d * (size // 16) ** 2)
    if rest or not pack:
        pytest.skip(
            f"at {size} px the official reshape would cut an image's last map into parts, which is not built"
        )
    G = GoodGenerator(size, width_g, z.shape[1], channels)
    norm = layer_norm if config.get("BN_D", True) else nn.Identity
    D = GoodCritic(size, width_d, norm, pack=pack, channels=channels)
    if not config.get("BN_G", True):
        for block in (G, *G.blocks):
            for name in [name for name, _ in block.named_children() if name.startswith("norm")]:
                setattr(block, name, Unnormalised())
    for net, rules in ((G, official.GOOD_GENERATOR), (D, official.GOOD_CRITIC)):
        state = official.convert_wgan_gp(v.group("param/"), rules)
        missing, unexpected = net.load_state_dict(state, strict=False)
        assert not unexpected
        # running averages, which the official code never uses
        assert all(k.rpartition(".")[2] in AVERAGES for k in missing), missing
    gan = Replayed(
        resolution=size,
        game="wgan-gp",
        width_g=1,
        width_d=1,
        pack=pack,
        **in_float32(lr_d=config["D_LR"], lr_g=config["G_LR"], beta1=adam["beta1"], beta2=adam["beta2"]),
        lambda_gp=config["LAMBDA"],
        batch_size=n,
    ).replay(G, D, z, **in_float32(eps=adam["eps"]))
    real = 2 * (images.double() / 255 - 0.5)

    fake = G(z)
    agree(fake.flatten(1), v, "output/fake_data")
    real_logits, fake_logits = D(real), D(fake)
    agree(real_logits, v, "output/disc_real")
    agree(fake_logits, v, "output/disc_fake")
    loss_g = wasserstein_g(fake_logits)
    agree(loss_g, v, "output/gen_cost")
    weights = dict(G.named_parameters())
    grads = dict(zip(weights, torch.autograd.grad(loss_g, list(weights.values())), strict=True))
    stored = official.convert_wgan_gp(v.group("output/grad_gen_cost/"), official.GOOD_GENERATOR)
    check_each(grads, stored, "gradient of gen_cost")
    points = between(real, fake.detach(), alpha)
    logits = D(points)
    assert logits.shape == (n // pack,)
    agree(input_gradient(logits, points).norm(dim=1), v, "output/slopes")
    penalty = wgan_gp(logits, points)
    agree(penalty, v, "output/gradient_penalty")
    agree(wasserstein_d(real_logits, fake_logits) + gan.lambda_gp * penalty, v, "output/disc_cost")

    # the module's own first iteration is the critic's alone, the second starts with G's
    monkeypatch.setattr("zoo.papers.ttur.between", partial(between, alpha=alpha))
    running = {k: t.clone() for k, t in G.state_dict().items()}
    fit(gan, [(real, None)])
    agree(gan.total["d"], v, "output/disc_cost")
    stored = official.convert_wgan_gp(v.group("output/grad_disc_cost/"), official.GOOD_CRITIC)
    check_each(gan.grad["d"], stored, "gradient of disc_cost")
    after = official.convert_wgan_gp(v.group("output/after_one_D_update/"), official.GOOD_CRITIC)
    check_each(gan.after["d"]["discriminator"], after, "after one step")
    assert "g" not in gan.total

    G.load_state_dict(running)
    D.load_state_dict(official.convert_wgan_gp(v.group("param/"), official.GOOD_CRITIC))
    fit(gan, [(real, None)])
    agree(gan.total["g"], v, "output/gen_cost")


class Unnormalised(nn.Identity):
    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return x


@pytest.mark.parametrize("path", files("ttur-gp_toy*.npz"))
def test_penalty_of_the_toy_critic(path):
    v = Vectors(path)
    config, same = v.meta["config"], partial(agree, v=v, rtol=1e-10)
    only(config, MODE="wgan-gp")
    G, D = mlp(v.group("param/Generator.")), mlp(v.group("param/Discriminator."))
    real, alpha = v["input/real"], v["input/gp_alpha"]
    fake = G(v["input/G_noise"])
    same(fake, key="output/fake_data")
    real_logits, fake_logits = D(real).squeeze(1), D(fake).squeeze(1)
    same(real_logits, key="output/disc_real")
    same(fake_logits, key="output/disc_fake")
    loss_g = wasserstein_g(fake_logits)
    same(loss_g, key="output/gen_cost")
    check_mlp(G, loss_g, v, "output/grad_gen_cost/Generator.")

    # the toy script walks from the fakes to the real points
    points = between(fake.detach(), real, alpha)
    same(points, key="output/interpolates")
    logits = D(points).squeeze(1)
    same(logits, key="output/disc_interpolates")
    slopes = input_gradient(logits, points)
    same(slopes, key="output/gradients")
    same(slopes.norm(dim=1), key="output/slopes")
    penalty = wgan_gp(logits, points)
    same(penalty, key="output/gradient_penalty")
    check_mlp(D, penalty, v, "output/grad_GP_unweighted/Discriminator.")
    loss_d = wasserstein_d(real_logits, fake_logits) + config["LAMBDA"] * penalty
    same(loss_d, key="output/disc_cost")
    check_mlp(D, loss_d, v, "output/grad_disc_cost/Discriminator.")

    adam = in_float32(**{k: config["adam"][k] for k in ("lr", "beta1", "beta2", "eps")})
    optimizer = AdamEpsilonHat(D.parameters(), adam["lr"], (adam["beta1"], adam["beta2"]), adam["eps"])
    loss_d.backward()
    optimizer.step()
    state = D.state_dict()
    for name, value in linear(v.group("output/after_one_D_update/Discriminator.")).items():
        close(state[name], value, f"after one step, {name}", rtol=1e-10)


def linear(arrays: dict) -> dict[str, Tensor]:
    """`1.Linear.W`, ..., `4.b` as the names of an `nn.Sequential` with ReLUs in between."""
    state = {}
    for name, array in arrays.items():
        i, leaf = re.fullmatch(r"(\d+)\.(?:Linear\.)?([Wb])", name).groups()
        tensor = torch.from_numpy(array.copy()).double()
        state[f"{2 * int(i) - 2}.{'weight' if leaf == 'W' else 'bias'}"] = tensor.t() if leaf == "W" else tensor
    return state


def mlp(arrays: dict) -> nn.Sequential:
    state = linear(arrays)
    layers: list[nn.Module] = []
    for i in range(len(state) // 2):
        layers += [nn.Linear(*reversed(state[f"{2 * i}.weight"].shape)), nn.ReLU()]
    net = nn.Sequential(*layers[:-1]).double()
    net.load_state_dict(state)
    return net


def check_mlp(net: nn.Sequential, loss: Tensor, v: Vectors, prefix: str) -> None:
    weights = dict(net.named_parameters())
    grads = torch.autograd.grad(loss, list(weights.values()), retain_graph=True, allow_unused=True)
    stored = linear(v.group(prefix))
    assert stored
    for name, grad in stored.items():
        ours = dict(zip(weights, grads, strict=True))[name]
        close(torch.zeros_like(grad) if ours is None else ours, grad, prefix + name, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("path", files("ttur-fid*.npz"))
def test_frechet_distance(path):
    v = Vectors(path)
    cases = sorted({k.removeprefix("input/")[:-2] for k in v.arrays if k.startswith("input/") and k.endswith("_x")})
    assert cases
    for case in cases:
        moments = [mean_cov(v[f"input/{case}_{side}"]) for side in "xy"]
        for side, (mean, cov) in zip("xy", moments, strict=True):
            close(torch.from_numpy(mean), v[f"output/{case}_mu_{side}"], f"mean, {case}", rtol=1e-8, atol=1e-10)
            close(torch.from_numpy(cov), v[f"output/{case}_sigma_{side}"], f"cov, {case}", rtol=1e-8, atol=1e-10)
        ours = torch.tensor(frechet_distance(*moments[0], *moments[1]), dtype=torch.float64)
        # the file's own tolerances; at rank deficiency the official routes agree no better among themselves
        tolerance = {"same": (0, 1e-6), "lowrank": (1e-5, 0), "collapsed": (1e-6, 0)}.get(case, (1e-8, 0))
        close(ours, v[f"output/{case}_fid_official"], f"distance, {case}", *tolerance)
        wrong = v.get(f"output/{case}_fid_WRONG_ddof0")
        assert wrong is None or case in ("same", "shift") or not torch.isclose(ours, wrong, rtol=1e-6, atol=0)
    if "input/diag_mu1" in v:
        gaussians = [(v[f"input/diag_mu{i}"].numpy(), v[f"input/diag_var{i}"].diag().numpy()) for i in (1, 2)]
        ours = torch.tensor(frechet_distance(*gaussians[0], *gaussians[1]), dtype=torch.float64)
        for key in ("official", "analytic"):
            close(ours, v[f"output/diag_fid_{key}"], f"diag, {key}", rtol=1e-8)


@pytest.mark.parametrize("path", files("ttur-inception_score*.npz"))
def test_inception_score(path):
    v = Vectors(path)
    logits = v["input/logits"]
    keys = list(v.group("output/is_mean_"))
    assert keys
    for key in keys:
        rows = logits[v["input/perm"]] if key.endswith("_permuted") else logits
        splits = int(re.search(r"\d+", key)[0])
        mean, std = (torch.tensor(x, dtype=torch.float64) for x in inception_score(rows, splits, shuffle=False))
        close(mean, v[f"output/is_mean_{key}"], f"mean, {key}", rtol=1e-10)
        close(std, v[f"output/is_std_{key}"], f"std, {key}", rtol=1e-10, atol=1e-13)
    for key, pair in v.group("output/is_from_pool3_nobias_").items():
        unbiased = v["input/pool3"] @ v["input/fc_W"]
        ours = inception_score(unbiased, int(re.search(r"\d+", key)[0]), shuffle=False)
        close(torch.tensor(ours, dtype=torch.float64), torch.from_numpy(pair), key, rtol=1e-10)


@pytest.mark.parametrize("path", files("ttur-toy_saddle*.npz"))
def test_saddle(path):
    v = Vectors(path)
    noise = v["input/noise"].numpy()
    settings = {k.removesuffix("_lr_x_lr_y"): v[f"input/{k}"].tolist() for k in v.group("input/") if k != "noise"}
    assert settings
    for name, (lr_x, lr_y) in settings.items():
        start = v[f"output/{name}_x"][0].item(), v[f"output/{name}_y"][0].item()
        x, y = torch.from_numpy(play(lr_x, lr_y, noise, start)).unbind(1)
        close(x[:101], v[f"output/{name}_x"][:101], f"x, {name}", rtol=1e-9)
        close(y[:101], v[f"output/{name}_y"][:101], f"y, {name}", rtol=1e-9)
        if f"output/{name}_objective_last" in v:
            close(objective(x[-1], y[-1]), v[f"output/{name}_objective_last"], f"f, {name}", rtol=1e-6)
        if f"output/{name}_norm_mean_last_half" in v:
            key, norm = f"output/{name}_norm_mean_last_half", torch.hypot(x, y)
            close(norm[-(len(noise) // 2) :].mean(), v[key], f"mean norm, {name}", rtol=1e-6)
