"""RothGAN's networks, regularisers, update steps and schedules against the authors' code, in float64.

Values at rtol 1e-8 (1e-9 for the toy and the derived table), what the vectors store in float32 at 1e-6. Everything
is built from a file's meta and the shapes in it.
"""

import pytest
import torch
from fitting import fit
from torch import Tensor
from vectors import Vectors, close, counterpart, files

from zoo.data.mixture import embed, rotation
from zoo.engine.optim import AdamEpsilonHat
from zoo.engine.schedules import exponential_decay
from zoo.networks.rothgan import ToyMLP
from zoo.objectives.divergences import DIVERGENCES, f_gan_d, f_gan_g
from zoo.objectives.penalties import f_gan_regularizer, input_gradient, js_regularizer
from zoo.official import rothgan as official
from zoo.papers.rothgan import RothGAN

RULES = {
    "DCGAN": ("dcgan", official.DCGAN_GENERATOR, official.DCGAN_DISCRIMINATOR),
    "NoNormalization": ("no-norm", official.DCGAN_GENERATOR, official.DCGAN_DISCRIMINATOR),
    "Gated": ("gated", official.DCGAN_GENERATOR, official.DCGAN_DISCRIMINATOR),
    "tanh": ("tanh", official.DCGAN_GENERATOR, official.DCGAN_DISCRIMINATOR),
    "ConstNumofFilters": ("constant", official.DCGAN_GENERATOR, official.DCGAN_DISCRIMINATOR),
    "ResNet": ("resnet", official.RESNET_GENERATOR, official.RESNET_DISCRIMINATOR),
}


#: official mode -> our regulariser, and by what the official loss of D is multiplied
MODES = {"regularized_gan": ("js", 1.0), "gan": ("none", 0.5)}


def agree(ours: Tensor, v: Vectors, key: str, rtol: float = 1e-8) -> None:
    close(ours, v[key], key, rtol=1e-6 if v.arrays[key].dtype == "float32" else rtol, atol=1e-10)


class Replayed(RothGAN):
    """RothGAN with the stored latents; keeps the loss and the gradients of D's update."""

    def latents(self, n: int) -> Tensor:
        assert len(self.z) == n
        return self.z

    def update(self, optimizer, loss: Tensor, clip: float | None = None) -> None:
        super().update(optimizer, loss, clip)
        self.total = loss.detach()
        self.grad = {k: p.grad.clone() for k, p in self.D.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("path", [*files("rothgan-js_dcgan*.npz"), *files("rothgan-js_resnet*.npz")])
def test_images(path):
    """Networks, Omega and its gradient, then the module's own first training step (which is D's alone)."""
    v = Vectors(path)
    config = v.meta["config"]
    architecture, rules_g, rules_d = counterpart(RULES, config["architecture"], "architecture")
    regularizer, scale = counterpart(MODES, config["mode"], "mode")
    n = config["BATCH_SIZE"]
    gan = Replayed(
        resolution=v["input/real_int"].shape[-1],
        architecture=architecture,
        width_g=config["DIM"],
        width_d=config["DIM"],
        latent_dim=v["input/G_noise"].shape[1],
        regularizer=regularizer,
        gamma=config.get("gamma", 0.0),
        batch_size=n,
        **{k: v for k, v in config["adam"].items() if k in ("lr", "beta1", "beta2")},
    )
    for net, rules in ((gan.G, rules_g), (gan.D, rules_d)):
        missing, unexpected = net.load_state_dict(official.convert(v.group("param/"), rules), strict=False)
        assert not unexpected
        assert all(k.rpartition(".")[2] in ("num_batches_tracked", "running_mean", "running_var") for k in missing)
    gan.double()
    gan.z = v["input/G_noise"]
    real = (2 * (v["input/real_int"].double() / 255 - 0.5)).requires_grad_()

    fake = gan.G(gan.z)
    agree(fake, v, "output/fake_data")
    fake = fake.detach().requires_grad_()
    real_logits, fake_logits = gan.D(real), gan.D(fake)
    agree(real_logits, v, "output/disc_real")
    agree(fake_logits, v, "output/disc_fake")
    for logits, x, which in ((real_logits, real, "real"), (fake_logits, fake, "fake")):
        if f"output/grad_logits_norm_{which}" in v:
            agree(input_gradient(logits, x).norm(dim=1), v, f"output/grad_logits_norm_{which}")
    agree(f_gan_g(gan.divergence, fake_logits), v, "output/gen_cost")
    omega = js_regularizer(real_logits, real, fake_logits, fake)
    if regularizer != "none" or "output/disc_reg_Omega" in v:
        agree(omega, v, "output/disc_reg_Omega")
    weights = dict(gan.D.named_parameters())
    grads = torch.autograd.grad(omega, list(weights.values()), allow_unused=True)
    grads = dict(zip(weights, grads, strict=True))
    for name, grad in official.convert(v.group("output/grad_Omega/"), rules_d).items():
        close(grads[name], grad, f"gradient of Omega, {name}", rtol=1e-6, atol=1e-10)

    fit(gan, [(real.detach(), None)])
    agree(scale * gan.total, v, "output/disc_cost")
    stored = v.group("output/grad_disc_cost/")
    expected = official.convert(stored, rules_d)
    assert stored
    assert len(expected) == len(stored)
    for name, grad in expected.items():
        close(scale * gan.grad[name], grad, f"gradient of D's loss, {name}", rtol=1e-6, atol=1e-10)


def loaded(v: Vectors, prefix: str) -> ToyMLP:
    state = official.mlp(v.group(prefix))
    last = f"{max(int(k.split('.')[0]) for k in state)}.weight"
    net = ToyMLP(state["0.weight"].shape[1], state[last].shape[0], state["0.weight"].shape[0])
    net.load_state_dict(state)
    return net.double()


def check_gradients(net: ToyMLP, loss: Tensor, v: Vectors, prefix: str) -> None:
    weights = dict(net.named_parameters())
    grads = torch.autograd.grad(loss, list(weights.values()), retain_graph=True, allow_unused=True)
    grads = dict(zip(weights, grads, strict=True))
    stored = v.group(prefix)
    assert stored
    for name, grad in official.mlp(stored).items():
        ours = torch.zeros_like(grad) if grads[name] is None else grads[name]
        close(ours, grad, f"{prefix}{name}", rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("path", files("rothgan-js_3dgan*.npz"))
def test_toy(path):
    v = Vectors(path)
    config, gan = v.meta["config"], DIVERGENCES["gan"]
    G, D = loaded(v, "param/generator/"), loaded(v, "param/discriminator/")
    agree(rotation(), v, "output/rotation_matrix_R", rtol=1e-9)
    real = embed(v["input/mixture_2d"]).requires_grad_()
    agree(real, v, "output/mog_x", rtol=1e-9)
    fake = G(v["input/z"])
    agree(fake, v, "output/gen_x", rtol=1e-9)
    for saturating in (True, False):
        loss_g, key = f_gan_g(gan, D(fake).squeeze(1), saturating), "saturating" if saturating else "nonsaturating"
        agree(loss_g, v, f"output/gen_loss_{key}", rtol=1e-9)
        check_gradients(G, loss_g, v, f"output/grad_gen_loss_{key}/generator/")

    fake = fake.detach().requires_grad_()
    real_logits, fake_logits = D(real).squeeze(1), D(fake).squeeze(1)
    agree(real_logits, v, "output/D1_logits", rtol=1e-9)
    agree(fake_logits, v, "output/D2_logits", rtol=1e-9)
    agree(input_gradient(real_logits, real), v, "output/grad_logits_wrt_real", rtol=1e-9)
    agree(input_gradient(fake_logits, fake), v, "output/grad_logits_wrt_fake", rtol=1e-9)
    omega = js_regularizer(real_logits, real, fake_logits, fake)
    agree(omega, v, "output/disc_reg_Omega", rtol=1e-9)
    check_gradients(D, omega, v, "output/grad_Omega/discriminator/")
    loss_d = f_gan_d(gan, real_logits, fake_logits) + config["gamma"] / 2 * omega
    agree(loss_d, v, "output/disc_loss_total", rtol=1e-9)
    check_gradients(D, loss_d, v, "output/grad_disc_loss/discriminator/")

    # TensorFlow holds Adam's constants in float32 even where the variables are float64
    lr, beta1, beta2, eps = (torch.tensor(config["adam"][k]).item() for k in ("lr", "beta1", "beta2", "eps"))
    optimizer = AdamEpsilonHat(D.parameters(), lr, (beta1, beta2), eps)
    loss_d.backward()
    optimizer.step()
    state = D.state_dict()
    for name, value in official.mlp(v.group("output/after_one_D_update/discriminator/")).items():
        close(state[name], value, f"after one step, {name}", rtol=1e-9)


@pytest.mark.parametrize("path", files("rothgan-fgan*.npz"))
def test_every_divergence(path):
    """Derived vectors: the authors released the Jensen-Shannon case only."""
    v = Vectors(path)
    names = [key.split("/")[0] for key in v.group("output/") if key.endswith("/weight_on_logit_gradient")]
    assert names
    V = loaded(v, "param/")
    real, fake = v["input/real"].requires_grad_(), v["input/fake"].requires_grad_()
    real_logits, fake_logits = V(real).squeeze(1), V(fake).squeeze(1)
    grid, gamma = v["input/logit_grid"], v["input/gamma"]
    for name in names:
        d, key = DIVERGENCES[name.lower()], f"output/{name}/"
        t = d.activation(grid)
        agree(t, v, f"{key}g", rtol=1e-9)
        agree(d.conjugate(t), v, f"{key}fstar", rtol=1e-9)
        agree(d.on_fake(grid), v, f"{key}fstar", rtol=1e-9)
        agree(d.slope(t), v, f"{key}fstar_prime", rtol=1e-9)
        agree(d.curvature(t), v, f"{key}fstar_second", rtol=1e-9)
        agree(d.weight(grid), v, f"{key}weight_on_logit_gradient", rtol=1e-9)
        agree(d.activation(real_logits), v, f"{key}T_real", rtol=1e-9)
        agree(d.activation(fake_logits), v, f"{key}T_fake", rtol=1e-9)
        value = f_gan_d(d, real_logits, fake_logits)
        agree(-value, v, f"{key}F", rtol=1e-9)
        omega = f_gan_regularizer(d, fake_logits, fake)
        agree(omega, v, f"{key}Omega_f", rtol=1e-9)
        agree(value + gamma / 2 * omega, v, f"{key}D_loss", rtol=1e-9)
        check_gradients(V, value + gamma / 2 * omega, v, f"{key}grad_D_loss/")
        check_gradients(V, omega, v, f"{key}grad_Omega/")
        loss_g = f_gan_g(d, fake_logits, saturating=True)
        (grad,) = torch.autograd.grad(loss_g, fake, retain_graph=True)
        agree(grad, v, f"{key}grad_G_saturating_wrt_fake", rtol=1e-9)
    omega = js_regularizer(real_logits, real, fake_logits, fake)
    agree(omega, v, "output/JS_symmetric/Omega_JS", rtol=1e-9)
    loss_d = f_gan_d(DIVERGENCES["gan"], real_logits, fake_logits) + gamma / 2 * omega
    agree(loss_d, v, "output/JS_symmetric/D_loss", rtol=1e-9)
    check_gradients(V, loss_d, v, "output/JS_symmetric/grad_D_loss/")

    # P = N(0, s^2), Q = N(m, s^2): the value and Omega of the optimal V, by quadrature over Q
    m, s = v["input/gauss_m"].item(), v["input/gauss_s"].item()
    reach = 3 * abs(m) + 16 * s  # p^2 / q lies around -m, q^2 / p around 2m
    x = torch.linspace(-reach, reach, 400_001, dtype=torch.float64)
    q = torch.exp(-((x - m) ** 2) / (2 * s**2)) / (s * (2 * torch.pi) ** 0.5)
    ratio = torch.exp((m**2 - 2 * m * x) / (2 * s**2))
    for name in names:
        d = DIVERGENCES[name.lower()]
        close(torch.trapezoid(q * d.f(ratio), x), v[f"output/gauss/{name}/divergence"], name, rtol=1e-9)
        u = ratio.clone().requires_grad_()
        (slope,) = torch.autograd.grad(d.f(u).sum(), u, create_graph=True)
        (second,) = torch.autograd.grad(slope.sum(), u)
        # at the optimal psi = f'(r), f*''(psi) ||grad psi||^2 = f''(r) ||grad r||^2
        omega = torch.trapezoid(q * second * (ratio * m / s**2).square(), x)
        close(omega, v[f"output/gauss/{name}/Omega_at_optimum"], f"Omega, {name}", rtol=1e-9)


@pytest.mark.parametrize("path", files("rothgan-anneal*.npz"))
def test_annealing(path):
    v = Vectors(path)
    start, factor, steps = (v[f"input/{k}"].item() for k in ("gamma0", "decay_factor", "T"))
    total = int(v["input/epochs"]) * int(v["input/batches_per_epoch"])

    def schedule(progress: range, end: int) -> Tensor:
        return torch.tensor(
            [start * exponential_decay(t, factor, end / 1000) for t in progress], dtype=torch.float64
        )

    close(schedule(range(steps), steps - 1), v["output/igul222"], "images", rtol=1e-12)
    close(schedule(range(1, steps + 1), steps), v["output/gan3d"], "toy", rtol=1e-12)
    close(schedule(range(total), total - 1), v["output/carpedm20"], "DCGAN fork", rtol=1e-12)


def test_the_module_anneals_as_the_image_script():
    """gamma_0 alpha^(it / (ITERS - 1)), exactly gamma_0 first and gamma_0 alpha last."""
    seen = []

    class Spied(RothGAN):
        def discriminator_step(self, real, gamma):
            seen.append(gamma)
            return {"loss/d": torch.zeros(())}

        def generator_step(self, gamma):
            return {}

    gan = Spied(resolution=16, width_g=1, width_d=1, batch_size=4, gamma=0.7, annealing=0.05, total_kimg=0.024)
    batch = (torch.zeros(4, 3, 16, 16), None)
    fit(gan, [batch] * 6, precision="32-true")
    assert seen == pytest.approx([0.7 * 0.05 ** (i / 5) for i in range(6)], rel=1e-12)
