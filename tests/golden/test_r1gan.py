"""R1GAN's four networks, losses, penalties and whole training steps against GAN_stability's modules and Trainer.

Everything is built from a file's meta, evaluated in float64 and compared at the tolerance the file states.
"""

from collections.abc import Callable

import pytest
import torch
from fitting import fit
from torch import Tensor, nn
from vectors import Vectors, close, counterpart, files, with_modern_adam

from zoo.networks import r1gan as networks
from zoo.objectives.penalties import input_gradient, r1
from zoo.official import r1gan as official
from zoo.papers import r1gan as paper
from zoo.papers.r1gan import R1GAN

LOSSES = {"standard": "nonsaturating", "wgan": "wasserstein"}
PENALTIES = {"none": "none", "real": "r1", "fake": "r2", "real_fake": "r1+r2"}
PENALTIES |= {"wgangp": "wgan_gp", "wgangp0": "wgan_gp0"}


def arguments(about: dict) -> dict:
    """Our names for the official constructor's; one label is the unconditional model."""
    # where nfilter_max is not said the defaults count, the official ones: 512 for G, 1024 for D
    most = {"max_width": about["nfilter_max"]} if "nfilter_max" in about else {}
    return most | {
        "resolution": about["size"],
        "n_classes": about["nlabels"] if about["nlabels"] > 1 else 0,
        "embed_dim": about["embed_size"],
        "latent_dim": about["z_dim"],
        "architecture": about["name"],
    }


def loaded(net: nn.Module, arrays: dict, of: str) -> nn.Module:
    net.load_state_dict(official.convert(arrays, of))
    return net.double()


def pair(v: Vectors) -> tuple[nn.Module, nn.Module]:
    """G and D in float64, with the file's weights."""
    about = arguments(v.meta["constructor"])
    width = v.meta["constructor"]["nfilter"]
    G = networks.Generator(width=width, **about)
    D = networks.Discriminator(
        width=width, **{k: x for k, x in about.items() if k not in ("embed_dim", "latent_dim")}
    )
    return loaded(G, v.group("param/generator."), "G"), loaded(D, v.group("param/discriminator."), "D")


def record(blocks: nn.ModuleList) -> list[Tensor]:
    """Outputs of the blocks at the next pass, in order."""
    outputs: list[Tensor] = []
    for block in blocks:
        block.register_forward_hook(lambda module, args, out: outputs.append(out))
    return outputs


def statistics(h: Tensor) -> Tensor:
    """Mean, root mean square, mean of channel 0, last channel's first pixel: (N, 4)."""
    rms = h.square().mean((1, 2, 3)).sqrt()
    return torch.stack([h.mean((1, 2, 3)), rms, h[:, 0].mean((1, 2)), h[:, -1, 0, 0]], 1)


def check_blocks(v: Vectors, prefix: str, outputs: list[Tensor]) -> None:
    expected = v.group(prefix)
    assert len(expected) in (0, len(outputs))
    per_stage = 2 if any(name.endswith("_1") for name in expected) else 1
    for name in expected:
        close(statistics(outputs[official.block(name, per_stage)]), v[prefix + name], f"block {name}", 1e-10, 1e-10)


def agree(ours: Tensor, v: Vectors, key: str) -> None:
    kind = "float32_stored" if v.arrays[key].dtype == "float32" else "float64_stored"
    tolerance = v.meta["tolerance"]["float64_eval"][kind]
    close(ours, v[key], key, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("path", files("r1gan-resnet*.npz"))
def test_networks(path):
    v = Vectors(path)
    G, D = pair(v)
    z, y, x = v["input/z"], v["input/y"], v["input/x"].requires_grad_()

    outputs, dense, before_tanh = record(G.blocks), record([G.dense]), record([G.conv])
    image = G(z, y)
    check_blocks(v, "output/stat_g_block/", outputs)
    agree(dense[0], v, "output/g_fc")
    agree(before_tanh[0], v, "output/g_pre_tanh")
    agree(image, v, "output/g_image")
    if not G.embedding.num_embeddings > 1:
        torch.testing.assert_close(G(z), image, rtol=0, atol=0)  # no label is the only one
    if "input/y_embed" in v:
        agree(G(z, v["input/y_embed"]), v, "output/g_image_from_embed")

    outputs, first = record(D.trunk.blocks), record([D.trunk.conv])
    logits = D(x, y)
    check_blocks(v, "output/stat_d_block/", outputs)
    if "output/d_conv_img_stat" in v:
        agree(statistics(first[0])[:, :2], v, "output/d_conv_img_stat")
    agree(logits, v, "output/d_out")
    agree(D.head(D.trunk(x)), v, "output/d_logits_all")
    gradient = input_gradient(logits, x)
    agree(gradient.square().sum(1), v, "output/d_grad2")
    agree(gradient.view_as(x), v, "output/d_grad_x")
    agree(D(image, y), v, "output/d_out_on_g")


def flip(D: nn.Module) -> None:
    """Negate D's output: the official WGAN has a critic that is low on real images."""
    for p in D.head.parameters():
        p.data.neg_()


def check_gradients(net: nn.Module, arrays: dict, of: str, sign: float, tolerance: float) -> None:
    parameters = dict(net.named_parameters())
    expected = official.convert(arrays, of)
    assert expected.keys() == parameters.keys()
    for name, gradient in expected.items():
        ours = parameters[name].grad
        ours = torch.zeros_like(parameters[name]) if ours is None else ours
        ours = sign * ours if name.startswith("head") else ours
        close(ours, gradient, f"gradient of {name}", rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("path", files("r1gan-losses*.npz"))
def test_losses_and_penalties(path, monkeypatch):
    v = Vectors(path)
    tolerance, reg_param = v.meta["tolerance"]["float64"], v.meta["reg_param"]
    y, real, z = v["input/y"], v["input/x_real"].requires_grad_(), v["input/z"]
    monkeypatch.setattr(torch, "rand", lambda *size, **options: v["input/eps"].view(size))
    for gan_type, loss in LOSSES.items():
        loss_d, loss_g = paper.ADVERSARIAL[loss]
        sign = -1.0 if gan_type == "wgan" else 1.0
        logits = sign * v["input/logits"]
        close(loss_g(logits), v[f"output/{gan_type}/loss_on_logits_target1"], "G loss of given logits", tolerance)
        real_and_fake = (
            v[f"output/{gan_type}/loss_on_logits_target0"] + v[f"output/{gan_type}/loss_on_logits_target1"]
        )
        close(loss_d(logits, logits), real_and_fake, "D loss of given logits", tolerance, tolerance)

        G, D = pair(v)
        if sign < 0:
            flip(D)
        stored = {key.split("/")[0] for key in v.group(f"output/{gan_type}/") if key.count("/")}
        assert stored
        for reg_type in sorted(stored):
            about, penalty = f"output/{gan_type}/{reg_type}/", counterpart(PENALTIES, reg_type, "penalty")
            D.zero_grad()
            fake = G(z, y).detach()
            real_logits = D(real, y)
            value = loss_d(real_logits, D(fake, y))
            terms = [term(D, real, real_logits, fake, y) for term in paper.PENALTIES[penalty]]
            (value + reg_param * sum(terms)).backward()
            close(value, v[about + "dloss"], about + "dloss", tolerance, tolerance)
            returned = terms[-1] if terms else torch.zeros(())  # the official trainer returns the last one only
            close(reg_param * returned, v[about + "reg_returned"], about + "reg", tolerance, tolerance)
            check_gradients(D, v.group(about + "grad."), "D", sign, tolerance)
        G.zero_grad()
        value = loss_g(D(G(z, y), y))
        value.backward()
        close(value, v[f"output/{gan_type}/gloss"], "G loss", tolerance, tolerance)
        check_gradients(G, v.group(f"output/{gan_type}/gen_grad."), "G", 1.0, tolerance)

    G, D = pair(v)
    close(G(z, y), v["output/x_fake"], "fakes", tolerance, tolerance)
    for where, x in {"real": real, "fake": G(z, y).detach().requires_grad_()}.items():
        logits = D(x, y)
        close(logits, v[f"output/d_{where}"], f"logits of {where}", tolerance, tolerance)
        squares = input_gradient(logits, x).square().sum(1)
        close(squares, v[f"output/penalty_{where}/grad2"], "squared norms", tolerance, tolerance)
        D.zero_grad()
        r1(logits, x).backward()
        check_gradients(D, v.group(f"output/penalty_{where}/dmean_grad2."), "D", 1.0, tolerance)


class Replayed(R1GAN):
    """R1GAN with the vectors' latents in the order they are consumed; keeps the state after each step."""

    def replay(self, v: Vectors) -> None:
        pairs = zip(v["input/z_d"], v["input/z_g"], strict=True)
        self.z, self.after, self.seen = (z for pair in pairs for z in pair), [], []
        self.last, self.penalties = torch.zeros(()), [self.kept(term) for term in self.penalties]

    def kept(self, term: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The same term; its value stays: of several terms the official trainer returns the last one only."""

        def call(*args) -> Tensor:
            value = term(*args)
            self.last = value.detach()
            return value

        return call

    def configure_optimizers(self):
        return with_modern_adam(super().configure_optimizers())

    def latents(self, n):
        z = next(self.z)
        assert len(z) == n
        return z

    def report(self, scalars):
        super().report(scalars)
        self.after.append({k: t.clone() for k, t in self.state_dict().items() if isinstance(t, Tensor)})
        reg = self.last if len(self.penalties) > 1 else torch.as_tensor(scalars["penalty/gradient"])
        self.seen.append({"dloss": scalars["loss/d"], "gloss": scalars["loss/g"], "reg": reg})


@pytest.mark.parametrize("optimizer", list(paper.OPTIMIZERS))
@pytest.mark.parametrize("path", files("r1gan-step*.npz"))
def test_training_steps(path, optimizer, monkeypatch):
    """The module's own training_step under Lightning, in float64, against iterations of the Trainer."""
    v = Vectors(path)
    if not v.group(f"output/{optimizer}/"):
        pytest.skip(f"{path.name} has no steps of {optimizer}")
    tolerance, about = v.meta["tolerance"]["float64"], v.meta["constructor"]
    gan = Replayed(
        **arguments(about),
        width_g=about["nfilter"],
        width_d=about["nfilter"],
        loss=counterpart(LOSSES, v.meta["gan_type"], "loss"),
        penalty=counterpart(PENALTIES, v.meta["reg_type"], "penalty"),
        gamma=2 * v.meta["reg_param"],
        optimizer=optimizer,
        lr=v.meta["lr"],
        ema_decay=v.meta["model_average_beta"],
        batch_size=v["input/x_real"].shape[1],
    )
    loaded(gan.G, v.group("param/generator."), "G")
    loaded(gan.D, v.group("param/discriminator."), "D")
    gan.G_ema.load_state_dict(gan.G.state_dict())
    sign = -1.0 if v.meta["gan_type"] == "wgan" else 1.0
    if sign < 0:
        flip(gan.D)
    gan.replay(v)
    if v.meta["reg_type"].startswith("wgangp"):
        if "input/eps" not in v:
            pytest.skip(f"{path.name} has {v.meta['reg_type']}, but no input/eps that draws points between images")
        eps = iter(v["input/eps"])
        monkeypatch.setattr(torch, "rand", lambda *size, **options: next(eps).view(size))
    batches = list(zip(v["input/x_real"], v["input/y"], strict=True))
    fit(gan, batches)
    assert len(gan.after) == v.meta["iterations"]
    for step, (state, seen) in enumerate(zip(gan.after, gan.seen, strict=True)):
        prefix = f"output/{optimizer}/it{step}/"
        parts = {"G": ("generator.", "G"), "G_ema": ("generator_test.", "G"), "D": ("discriminator.", "D")}
        for ours, (theirs, of) in parts.items():
            expected = official.convert(v.group(prefix + theirs), of)
            assert expected
            for name, value in expected.items():
                value = sign * value if name.startswith("head") else value
                close(state[f"{ours}.{name}"], value, f"step {step}, {ours}.{name}", rtol=0, atol=tolerance)
        close(seen["dloss"], v[prefix + "dloss"], "D loss", rtol=1e-10)
        close(seen["gloss"], v[prefix + "gloss"], "G loss", rtol=1e-10)
        close(v.meta["reg_param"] * seen["reg"], v[prefix + "reg"], "penalty", rtol=1e-10)
