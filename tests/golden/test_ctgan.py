"""CT-GAN's networks, terms and whole update steps against the authors' TensorFlow code, replayed in float64.

Values at rtol 1e-8, what the vectors store in float32 at 1e-6. Everything is built from a file's meta and the
shapes in it; dropout masks, noise and interpolation points are the stored ones.
"""

import pytest
import torch
import torch.nn.functional as F
from fitting import fit
from torch import Tensor, nn
from vectors import Vectors, close, files, with_epsilon

from zoo.data import to_float
from zoo.objectives.losses import feature_matching, unlabelled_d
from zoo.objectives.penalties import class_consistency, consistency, wgan_gp
from zoo.official import ctgan as official
from zoo.papers.ctgan import CTGAN


def agree(ours: Tensor, v: Vectors, key: str) -> None:
    close(ours, v[key], key, rtol=1e-6 if v.arrays[key].dtype == "float32" else 1e-8, atol=1e-10)


class Mask(nn.Module):
    """Dropout with the stored masks, in the order of the passes."""

    def __init__(self, keep: float) -> None:
        super().__init__()
        self.keep, self.masks = keep, []

    def forward(self, x: Tensor) -> Tensor:
        mask = self.masks.pop(0)
        assert mask.shape == x.shape
        return x / self.keep * mask


class Replayed(CTGAN):
    """CTGAN with the stored noise; G is put back after its step, so that the critic meets the stored fakes."""

    def replay(self, v: Vectors, rules_g: list, rules_d: list) -> "Replayed":
        self.v, self.rules = v, {"g": rules_g, "d": rules_d}
        for net, rules in ((self.G, rules_g), (self.D, rules_d)):
            missing, unexpected = net.load_state_dict(official.convert(v.group("param/"), rules), strict=False)
            assert not unexpected
            # running averages, which the official code never uses, and the classifier of a file without ACGAN
            free = ("num_batches_tracked", "running_mean", "running_var")
            assert all(k.rpartition(".")[2] in free or k.startswith("classifier") for k in missing), missing
        self.double()
        self.D.dropouts = nn.ModuleList(Mask(p) for p in v.meta["config"]["keep_probs"])
        self.total, self.grad, self.z, self.y = {}, {}, [], []
        return self

    def masks(self, *passes: str) -> None:
        """Queue the masks of the coming passes; "a+b" joins two batches."""
        for i, layer in enumerate(self.D.dropouts):
            layer.masks = [
                torch.cat([self.v[f"input/mask_{name}_{i}"] for name in names.split("+")]) for names in passes
            ]

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return with_epsilon(super().configure_optimizers(), self.v.meta["config"].get("adam", {}).get("eps", 1e-8))

    def latents(self, n: int) -> Tensor:
        z = self.z.pop(0)
        assert len(z) == n
        return z

    def random_labels(self, n: int) -> Tensor | None:
        return self.y.pop(0) if self.n_classes else None

    def interpolate(self, real: Tensor, fake: Tensor) -> Tensor:
        return real + self.v["input/gp_alpha"][:, :, None, None] * (fake - real)

    def update(self, optimizer, loss: Tensor, clip: float | None = None) -> None:
        which, net = ("g", self.G) if optimizer is self.opt_g else ("d", self.D)
        before = {k: t.clone() for k, t in net.state_dict().items()}
        super().update(optimizer, loss, clip)
        self.total[which] = loss.detach()
        self.grad[which] = {k: p.grad.clone() for k, p in net.named_parameters() if p.grad is not None}
        if which == "g":
            net.load_state_dict(before)

    def check_gradients(self, which: str, prefix: str) -> None:
        stored = self.v.group(prefix)
        expected = official.convert(stored, self.rules[which])
        assert stored
        assert len(expected) == len(stored)
        for name, grad in expected.items():
            ours = self.grad[which].get(name, torch.zeros(()))
            close(ours.expand(grad.shape), grad, f"{prefix}{name}", rtol=1e-6, atol=1e-10)


def margin(config: dict) -> float:
    """M' of the paper: the official code subtracts Factor_M behind the factor LAMBDA_2."""
    return config["Factor_M"] / (config["LAMBDA_2"] or 1.0)


def terms(gan: Replayed, real: Tensor, fake: Tensor, first: str, second: str, joined: bool) -> tuple:
    """Both passes over the real images and the slopes between real and fake, each checked or returned.

    `first` and `second` name the two passes; `joined` says that the stored passes hold the fakes behind the reals.
    """
    gan.masks(first)
    features = gan.D.features(torch.cat([real, fake]))
    scores = gan.D.score(features)
    gan.masks(second)
    features2 = gan.D.features(torch.cat([real, fake]) if joined else real)
    scores2 = gan.D.score(features2)
    gan.masks("gp")
    between = gan.interpolate(real, fake).requires_grad_()
    at_between = gan.D(between)
    (slope,) = torch.autograd.grad(at_between.sum(), between, retain_graph=True)
    agree(slope.flatten(1).norm(dim=1), gan.v, "output/slopes")
    return features, scores, features2, scores2, wgan_gp(at_between, between)


@pytest.mark.parametrize("path", files("ctgan-cifar_resnet*.npz"))
def test_cifar_resnet(path):
    v = Vectors(path)
    config = v.meta["config"]
    halves = len(v.group("input/G_noise_half"))
    tables = v["param/Generator.1.N1.scale"]
    n_classes = len(tables) if tables.ndim == 2 else 0
    acgan = "param/Discriminator.ACGANOutput.W" in v
    n, iteration = config["BATCH_SIZE"], config.get("iteration_fed") or 1
    decayed = 1 - v["output/decay"].item() if "output/decay" in v else 0.0
    gan = Replayed(
        resolution=32,
        n_classes=n_classes,
        width_g=config["DIM_G"],
        width_d=config["DIM_D"],
        latent_dim=v["param/Generator.Input.W"].shape[0],
        n_dis=1,
        batch_size=n,
        batch_size_g=sum(map(len, v.group("input/Gstep_noise_half").values())),
        bn_groups=halves,
        lambda_gp=config["LAMBDA_GP"],
        lambda_ct=config["LAMBDA_2"],
        margin=margin(config),
        acgan_d=config.get("ACGAN_SCALE", 1.0) * acgan,
        acgan_g=config.get("ACGAN_SCALE_G", 0.1) * acgan,
        lr=config["LR"],
        beta1=config["adam"]["beta1"],
        beta2=config["adam"]["beta2"],
        decay_start_kimg=0 if decayed else None,
        total_kimg=n * iteration / 1000 / (decayed or 0.5),
    ).replay(v, official.CIFAR_GENERATOR, official.CIFAR_CRITIC)
    real = to_float(v["input/real_int"].view(n, 3, 32, 32), divisor=128).double()
    real = real + v["input/dequant_noise"].view_as(real)
    agree(real, v, "output/real_data")
    labels = v["input/real_labels"] if n_classes else None
    z = [v[f"input/G_noise_half{i}"] for i in range(halves)]

    gan.z = [torch.cat(z)]
    fake = gan.fakes(n, labels)
    agree(fake, v, "output/fake_data")
    agree(gan.interpolate(real, fake), v, "output/interpolates")
    passes = terms(gan, real, fake, "pass1", "pass2", joined=True)
    for key, ours in zip(("feat_pass1", "disc_pass1", "feat_pass2", "disc_pass2"), passes, strict=False):
        agree(ours, v, f"output/{key}")
    agree(config["LAMBDA_GP"] * passes[4], v, "output/gradient_penalty_x10")
    features, features2, scores, scores2 = (passes[i][:n] for i in (0, 2, 1, 3))
    agree(
        config["LAMBDA_2"] * consistency((scores, scores2), (features, features2), gan.margin), v, "output/CT_term"
    )
    # behind the subtraction of Factor_M, unless the file's own CT term says that it comes later
    distances, free = v["output/CT_per_sample_before_max"], config["Factor_M"]
    if not torch.isclose(distances.relu().mean(), v["output/CT_term"], rtol=1e-8, atol=0.0):
        free = 0.0
    for i, distance in enumerate(distances):
        one = consistency((scores[i : i + 1], scores2[i : i + 1]), (features[i : i + 1], features2[i : i + 1]))
        close(config["LAMBDA_2"] * one - free, distance, "CT of one image", rtol=1e-8)
    if acgan:
        agree(gan.D.classifier(passes[0]), v, "output/acgan_logits_pass1")
        agree(F.cross_entropy(gan.D.classifier(features), labels), v, "output/disc_acgan")
    dropouts, gan.D.dropouts = gan.D.dropouts, nn.ModuleList(nn.Identity() for _ in gan.D.dropouts)
    agree(gan.D.features(torch.cat([real, fake])), v, "output/feat_clean")
    agree(gan.D(torch.cat([real, fake])), v, "output/disc_clean")
    gan.D.dropouts = dropouts

    gstep = [v[f"input/Gstep_noise_half{i}"] for i in range(halves)]
    gan.z, gan.nimg = [torch.cat(gstep), torch.cat(z)], n * iteration
    if n_classes:
        uniform = torch.cat([v[f"input/Gstep_label_uniform_half{i}"] for i in range(halves)])
        gan.y = [(n_classes * uniform).long()]
    gan.masks("+".join(f"Gstep_half{i}" for i in range(halves)), "pass1", "pass2", "gp")
    for layer in gan.D.dropouts:
        layer.masks[2] = layer.masks[2][:n]
    fit(gan, [(real, labels)])
    agree(gan.total["d"], v, "output/disc_cost")
    agree(gan.total["g"], v, "output/gen_cost")
    gan.check_gradients("d", "output/grad_disc_cost/")
    gan.check_gradients("g", "output/grad_gen_cost/")
    state = gan.D.state_dict()
    for name, value in official.convert(v.group("output/after_one_D_update/"), official.CIFAR_CRITIC).items():
        close(state[name], value, f"after one step, {name}", rtol=1e-6)


@pytest.mark.parametrize("path", files("ctgan-*_cnn*.npz"))
def test_cnn(path):
    v = Vectors(path)
    config = v.meta["config"]
    n = config["BATCH_SIZE"]
    mnist = v["param/Discriminator.1.Filters"].shape[2] == 1
    gan = Replayed(
        resolution=28 if mnist else 32,
        n_classes=0,
        architecture="cnn",
        width_g=config["DIM"],
        width_d=config["DIM"],
        latent_dim=v["param/Generator.Input.W"].shape[0],
        n_dis=1,
        batch_size=n,
        batch_size_g=n,
        bn_groups=1,
        lambda_gp=config["LAMBDA"],
        lambda_ct=config["LAMBDA_2"],
        margin=margin(config),
        lr=config["adam"]["lr"],
        beta1=config["adam"]["beta1"],
        beta2=config["adam"]["beta2"],
        decay_start_kimg=None,
    ).replay(v, official.CNN_GENERATOR, official.CNN_CRITIC)
    if mnist:
        batch = (2 * v["input/real"].view(n, 1, 28, 28) - 1).expand(-1, 3, -1, -1)
    else:
        batch = 2 * (v["input/real"].double().view(n, 3, 32, 32) / 255 - 0.5)
    real = gan.to_native(batch)

    gan.z = [v["input/G_noise"]]
    fake = gan.fakes(n, None)
    agree(fake, v, "output/fake_data")
    agree(gan.interpolate(real, fake), v, "output/interpolates")
    features, scores, features2, scores2, gp = terms(gan, real, fake, "real_pass1+fake", "real_pass2", joined=False)
    agree(features[:n], v, "output/feat_real_pass1")
    agree(scores[:n], v, "output/disc_real_pass1")
    agree(features2, v, "output/feat_real_pass2")
    agree(scores2, v, "output/disc_real_pass2")
    agree(scores[n:], v, "output/disc_fake")
    agree(gp, v, "output/gradient_penalty")
    ct = consistency((scores[:n], scores2), (features[:n], features2), gan.margin)
    close(config["LAMBDA_2"] * ct, v["output/CT_after_M"].mean(), "CT", rtol=1e-8)
    ct_free = consistency((scores[:n], scores2), (features[:n], features2))
    close(config["LAMBDA_2"] * ct_free, v["output/CT_before_M"].mean(), "CT at M = 0", rtol=1e-8)
    weights = dict(gan.D.named_parameters())
    for loss, key in ((config["LAMBDA_2"] * ct, "CT"), (gp, "GP_unweighted")):
        grads = torch.autograd.grad(loss, list(weights.values()), retain_graph=True, allow_unused=True)
        gan.grad["d"] = {k: g for k, g in zip(weights, grads, strict=True) if g is not None}
        gan.check_gradients("d", f"output/grad_{key}/")

    gan.z, gan.nimg = [v["input/G_noise"]] * 2, n
    gan.masks("fake", "real_pass1+fake", "real_pass2", "gp")
    fit(gan, [(batch, None)])
    agree(gan.total["d"], v, "output/disc_cost")
    agree(gan.total["g"], v, "output/gen_cost")
    gan.check_gradients("d", "output/grad_disc_cost/")
    gan.check_gradients("g", "output/grad_gen_cost/")
    state = gan.D.state_dict()
    for name, value in official.convert(v.group("output/after_one_D_update/"), official.CNN_CRITIC).items():
        close(state[name], value, f"after one step, {name}", rtol=1e-6)


@pytest.mark.parametrize("path", files("ctgan-resnet64*.npz"))
def test_resnet64(path):
    v = Vectors(path)
    config = v.meta["config"]
    if config.get("MODE", "wgan-ct") != "wgan-ct":
        pytest.skip(f"{path.name} is of MODE {config['MODE']}: CT-GAN is wgan-ct")
    n = config["BATCH_SIZE"]
    gan = Replayed(
        resolution=64,
        n_classes=0,
        width_g=config["DIM"],
        width_d=config["DIM"],
        latent_dim=v["param/Generator.Input.W"].shape[0],
        n_dis=1,
        batch_size=n,
        batch_size_g=n,
        bn_groups=1,
        lambda_gp=config["LAMBDA"],
        lambda_ct=config["LAMBDA_2"],
        margin=margin(config),
        decay_start_kimg=None,
    ).replay(v, official.GOOD_GENERATOR, official.GOOD_CRITIC)
    real = 2 * (v["input/real_int"].double() / 255 - 0.5)
    gan.z = [v["input/G_noise"]]
    fake = gan.fakes(n, None)
    agree(fake, v, "output/fake_data")
    features, scores, features2, scores2, gp = terms(gan, real, fake, "real_pass1+fake", "real_pass2", joined=False)
    agree(features[:n], v, "output/feat_real_pass1")
    agree(scores[:n], v, "output/disc_real_pass1")
    agree(features2, v, "output/feat_real_pass2")
    agree(scores2, v, "output/disc_real_pass2")
    agree(scores[n:], v, "output/disc_fake")
    agree(gp, v, "output/gradient_penalty")
    ct = consistency((scores[:n], scores2), (features[:n], features2), gan.margin)
    agree(config["LAMBDA_2"] * ct, v, "output/CT_term")

    gan.z, gan.nimg = [v["input/G_noise"]] * 2, n
    gan.masks("fake", "real_pass1+fake", "real_pass2", "gp")
    fit(gan, [(real, None)])
    agree(gan.total["d"], v, "output/disc_cost")
    agree(gan.total["g"], v, "output/gen_cost")
    gan.check_gradients("d", "output/grad_disc_cost/")


@pytest.mark.parametrize("path", files("ctgan-ssl_losses*.npz"))
def test_semi_supervised_losses(path):
    """Derived vectors: the Theano scripts were read, not run."""
    v = Vectors(path)

    def same(ours: Tensor, key: str) -> None:
        close(ours, v[f"output/{key}"], key, rtol=1e-10)

    logits, features = (tuple(v[f"input/{kind}_unl_{i}"] for i in (1, 2)) for kind in ("logits", "feat"))
    unlabelled = unlabelled_d(logits[0], v["input/logits_gen"])
    same(F.cross_entropy(v["input/logits_lab"], v["input/labels"]), "loss_lab")
    same(unlabelled, "loss_unl_without_CT")
    classes_only = class_consistency(logits, features, feature_weight=0)
    same(classes_only, "CT_softmax_mse")
    same(class_consistency(logits, features, feature_weight=1) - classes_only, "CT_feature_mse")
    same(unlabelled + 0.5 * class_consistency(logits, features), "loss_unl_CIFAR_script")
    margin = v["input/M"].item()
    same(unlabelled + 0.5 * class_consistency(logits, features, margin), "loss_unl_CIFAR_TE_script_with_M")
    # M / 10 behind the factor 0.1 of the MNIST script is M before it
    mnist = 0.1 * class_consistency(logits, features, margin, feature_weight=0)
    same(unlabelled + 0.5 * mnist, "loss_unl_MNIST_script_with_M_over_10")
    matched = features[0], v["input/feat_gen"]
    same(feature_matching(*matched, power=1), "loss_gen_CIFAR_L1_feature_matching")
    same(feature_matching(*matched, power=2), "loss_gen_MNIST_L2_feature_matching")
