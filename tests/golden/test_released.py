"""Files in the layouts of the releases, written out of the vectors' variables, import to the official pictures.

Everything is written by `released`, an assembler of pickles of its own: no TensorFlow, Chainer or official class.
"""

import json

import numpy as np
import pytest
import torch
from released import Network, module, npz, pickled, torch_file
from vectors import Vectors, files

from zoo.training import safetensors
from zoo.training.ancestry import begin_from
from zoo.training.importing import import_weights
from zoo.training.loading import load


def single(arrays: dict) -> dict:
    return {k: a.astype("f4") if a.dtype.kind == "f" else a for k, a in arrays.items()}


def imported(path):
    return load(import_weights(path))


def same(ours: torch.Tensor, official: torch.Tensor, what: str, tolerance: float = 1e-4) -> None:
    """In float32 beside the official float64 or float32: within `tolerance` of the largest value."""
    official = official.double().reshape(ours.shape)
    assert (ours.double() - official).abs().max() <= tolerance * max(official.abs().max().item(), 1.0), what


def tflib(arrays: dict, static: dict, name: str, version: int, components: bool = False) -> Network:
    """A pickled network; StyleGAN's G keeps its variables in two components, each with a lod of its own."""
    path = "dnnlib.tflib.network.Network" if version >= 3 else "tfutil.Network"
    inner = {}
    if components:
        for part in ("mapping", "synthesis"):
            prefix = f"G_{part}/"
            own = {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
            inner[part] = Network(own | {"lod": np.float32(0)}, {}, f"G_{part}")
        arrays = {k: a for k, a in arrays.items() if "/" not in k}
    return Network({"lod": np.float32(0)} | arrays, static, name, path, version, inner)


def stated(about: dict) -> dict:
    return {k: v for k, v in about.items() if k != "func"}


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("path", files("pggan-networks*.npz"))
def test_pggan(path, tmp_path, protocol, capsys):
    v = Vectors(path)
    about = v.meta["constructor"]
    g, d = (single(v.group(f"param/{role}/")) for role in "GD")
    mean = {name: array + np.float32(0.125) for name, array in g.items()}
    networks = [
        tflib(mean, stated(about["G"]), "G", 2),
        tflib(d, stated(about["D"]), "D", 2),
        tflib(g, stated(about["G"]), "Gs", 2),
    ]
    (tmp_path / "karras.pkl").write_bytes(pickled(tuple(networks), protocol))
    gan = imported(tmp_path / "karras.pkl")
    z = v["input/latents"].float()
    label = v.get("input/labels")
    if gan.n_classes and label is None:  # the official code then takes zeros
        label = z.new_zeros(len(z), gan.n_classes)
    same(gan.decode(z, None if label is None else label.float()), v["output/G/lod0.00"], "pictures")
    x = v["input/images"].float()
    same(gan.D(x), v[f"output/D/lod0.00/n{len(x)}"], "scores")
    assert not torch.equal(gan.decode(z, label, ema=False), gan.decode(z, label))  # G is not its average
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "pggan" in lines[0]
    assert "fmap_base" in lines[1]
    assert "lod" in lines[2]


@pytest.mark.parametrize("path", files("stylegan-gstyle*.npz"))
def test_stylegan(path, tmp_path):
    v = Vectors(path)
    about, arrays = v.meta["constructor"]["G"], single(v.group("param/G/"))
    network = tflib(arrays, stated(about), "Gs", 3, components=True)
    (tmp_path / "karras.pkl").write_bytes(pickled((network, network), 4))
    gan = imported(tmp_path / "karras.pkl")
    z, label = v["input/latents"].float(), v.get("input/labels")
    label = label.float() if label is not None and gan.n_classes else None
    if gan.n_classes and label is None:
        label = z.new_zeros(len(z), gan.n_classes)
    for name, official in v.group("output/truncated_images/").items():
        psi, _, cutoff = name.removeprefix("psi").partition("_cutoff")
        gan.truncation_cutoff = int(cutoff) if cutoff.isdigit() else about.get("truncation_cutoff", 8)
        if name == "validation" or not psi.replace(".", "").replace("-", "").isdigit():
            psi = "1"
        same(gan.decode(z, label, truncation=float(psi)), torch.from_numpy(official), name)
    assert gan.stored_noise == (not about.get("randomize_noise", True))


@pytest.mark.parametrize("path", files("stylegan-gstyle*.npz"))
def test_a_new_run_begins_with_an_imported_generator_and_draws_d_anew(path, tmp_path):
    """What a file lacks stands in the import as it was drawn, and is not taken."""
    v = Vectors(path)
    network = tflib(single(v.group("param/G/")), stated(v.meta["constructor"]["G"]), "Gs", 3, components=True)
    (tmp_path / "Gs.pkl").write_bytes(pickled(network, 4))
    gan = imported(tmp_path / "Gs.pkl")
    new = type(gan)(**{k: value for k, value in gan.hparams.items() if not k.startswith("_")} | {"lr": 0.5})
    d = [p.clone() for p in new.D.parameters()]
    said = " ".join(begin_from(tmp_path / "Gs.ckpt", new))
    for ours in (new.G, new.G_ema):
        assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), gan.G_ema.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(d, new.D.parameters(), strict=True))
    assert f"G: {len(new.G.state_dict())} of {len(new.G.state_dict())} arrays taken D: " in said
    assert f"D: 0 of {len(new.D.state_dict())} arrays taken; drawn anew" in said
    assert new.origin["ancestor"]["file"] == "Gs.ckpt"


@pytest.mark.parametrize("path", files("stylegan-ablations*.npz"))
def test_configurations_of_stylegan(path, tmp_path):
    v = Vectors(path)
    for name, about in v.meta["constructor"].items():
        arrays = single(v.group(f"param/{name}/"))
        network = tflib(arrays, stated(about), "Gs", 3, components=True)
        (tmp_path / f"{name}.pkl").write_bytes(pickled(network, 3))
        gan = imported(tmp_path / f"{name}.pkl")
        same(gan.decode(v["input/latents"].float()), v[f"output/{name}/images"], name)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("path", files("r1gan-resnet*.npz"))
def test_r1(path, tmp_path, old):
    v = Vectors(path)
    g, d = (single(v.group(f"param/{role}.")) for role in ("generator", "discriminator"))
    stored = {
        "generator": {f"module.{k}": a + np.float32(0.01) for k, a in g.items()},
        "discriminator": {f"module.{k}": a for k, a in d.items()},
        "generator_test": {f"module.{k}": a for k, a in g.items()},
        "g_optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]},
        "it": 400000,
    }
    gan = imported(torch_file(stored, tmp_path / "model.pt", old))
    y = v["input/y"]
    same(gan.decode(v["input/z"].float(), y if gan.n_classes else None), v["output/g_image"], "pictures")
    same(gan.D(v["input/x"].float(), y), v["output/d_out"], "logits")


@pytest.mark.parametrize("path", files("vgan-net*.npz"))
def test_vgan(path, tmp_path):
    v = Vectors(path)
    stored = {"generator": single(v.group("param/G.")), "discriminator": single(v.group("param/D."))}
    out = import_weights(torch_file(stored, tmp_path / "model.pt"), paper="vgan")
    gan = load(out)
    y = v["input/y"] if gan.n_classes else None
    same(gan.decode(v["input/z"].float(), y), v["output/G_img"], "pictures")


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("path", files("introvae-net*.npz"))
def test_introvae(path, tmp_path, old):
    v = Vectors(path)
    stored = {"epoch": 200, "model": module("networks.IntroVAE", single(v.group("param/")))}
    gan = imported(torch_file(stored, tmp_path / "model_epoch_200.pth", old))
    same(gan.decode(v["input/z"].float()), 2 * v["output/eval_decode_z"] - 1, "pictures")
    same(gan.encode(2 * v["input/x"].float() - 1), v["output/eval_mu"], "posterior means")


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("path", [*files("sngan-resnet*.npz"), *files("sngan-cnn-cgl*.npz")])
def test_sngan(path, tmp_path, snapshot):
    v = Vectors(path)
    stored: dict = {}
    for role, name in (("gen", "opt_gen"), ("dis", "opt_dis")) if snapshot else (("gen", ""),):
        prefix = f"updater/model:{name}/" if snapshot else ""
        for k, a in single(v.group(f"param/{role}/")).items():
            stored[prefix + k] = a
            if k.endswith("avg_mean"):
                stored[prefix + k.replace("avg_mean", "N")] = np.int64(100)
    if snapshot:
        stored |= {"updater/iteration": np.int64(5), "updater/optimizer:opt_gen/t": np.int64(5)}
    gan = imported(npz(tmp_path / "sngan.npz", stored))
    images = gan.decode(v["input/z"].flatten(1).float(), v.get("input/y_gen"))
    if "output/gen_eval" in v:
        same(images, v["output/gen_eval"], "pictures")
    else:
        same(images[..., ::4, ::4], v["output/gen_eval_sub4"], "pictures")


@pytest.mark.parametrize("path", [*files("biggan-g*.npz"), *files("biggan-deep-g*.npz")])
def test_biggan_in_a_folder(path, tmp_path):
    v = Vectors(path)
    about, folder = v.meta["constructor"], tmp_path / "BigGAN"
    folder.mkdir()
    arrays = single(v.group("param/"))
    torch_file({k: np.asarray(a + np.float32(0.25)) for k, a in arrays.items()}, folder / "G.pth", old=True)
    torch_file(arrays, folder / "G_ema.pth", old=True)
    config = {k: about[k] for k in ("BN_eps", "SN_eps") if k in about}
    torch_file({"itr": 5, "config": config}, folder / "state_dict.pth", old=True)
    gan = imported(folder)
    same(gan.decode(v["input/z"].float(), v["input/y"]), v["output/eval"], "pictures")


@pytest.mark.parametrize("path", files("biggan-standing*.npz"))
def test_biggan_with_standing_statistics(path, tmp_path):
    """The running averages count as they are; accumulated sums are divided by their number."""
    v = Vectors(path)
    arrays = single(v.group("param/"))
    for name, stored in (
        ("eval_running", arrays),
        ("eval_standing", arrays | single(v.group("output/standing_state/"))),
    ):
        gan = imported(torch_file(stored, tmp_path / f"{name}.pth"))
        same(gan.decode(v["input/z"].float(), v["input/y"]), v[f"output/{name}"], name)


@pytest.mark.parametrize("path", files("biggan-deep-tfhub-layout*.npz"))
def test_biggan_deep(path, tmp_path):
    """The statistics follow the truncation when sampling."""
    v = Vectors(path)
    about = v.meta["constructor"]
    if not 0 < about["attention_layer_position"] < len(about["layers"]):
        pytest.skip("the one attention layer lies between two blocks in every released generator")
    (tmp_path / "config.json").write_text(json.dumps(about))
    torch_file(single(v.group("param/")), tmp_path / "pytorch_model.bin", old=True)
    gan = imported(tmp_path)
    label = v["input/class_onehot"].float()
    e = label @ gan.G.network.embedding.weight
    for i, truncation in enumerate(v["input/truncations"].tolist()):
        if truncation:
            images = gan.decode(v["input/z"].float(), e, truncation)
            same(images, v[f"output/eval_trunc{i}"], f"truncation {truncation}")
    images = gan.sample(4, truncation=0.5)
    assert images.shape == (4, 3, gan.resolution, gan.resolution)
    assert gan.indexed_latents(64, truncation=0.5)[0].abs().max() <= 1


@pytest.mark.parametrize("path", files("pggan-networks*.npz"))
def test_grey_networks(path, tmp_path, capsys):
    """One channel of the official pictures, from a file of that channel alone, comes out three times."""
    v = Vectors(path)
    about = v.meta["constructor"]
    if about["G"].get("label_size", 0):
        pytest.skip("labels are tested with three channels")
    g, d = (single(v.group(f"param/{role}/")) for role in "GD")
    g |= {k: a[..., :1] for k, a in g.items() if k.startswith("ToRGB")}
    d |= {k: a[:, :, :1] for k, a in d.items() if k.startswith("FromRGB") and k.endswith("weight")}
    networks = [
        tflib(arrays, stated(about[role]) | {"num_channels": 1}, role, 2) for role, arrays in (("G", g), ("D", d))
    ]
    (tmp_path / "grey.pkl").write_bytes(pickled((*networks, networks[0]), 2))
    gan = imported(tmp_path / "grey.pkl")
    images = gan.decode(v["input/latents"].float())
    assert images.shape[1] == 3
    same(images, v["output/G/lod0.00"][:, :1].expand_as(images), "pictures")
    assert gan.D(images).shape == (len(images),)
    assert "three equal ones" in capsys.readouterr().out


def lods(v: Vectors, prefix: str) -> dict[str, float]:
    """Names such as lod1.60 with their value, of those above 0."""
    names = {name.split("/")[0] for name in v.group(prefix)}
    return {name: lod for name in sorted(names) if (lod := float(name.removeprefix("lod"))) > 0}


@pytest.mark.parametrize("path", files("pggan-networks*.npz"))
def test_pggan_stopped_in_mid_growth(path, tmp_path, capsys):
    """Pictures and scores at the file's own lod, to the fraction, of the full side."""
    v = Vectors(path)
    about = v.meta["constructor"]
    networks = [(single(v.group(f"param/{role}/")), stated(about[role]), role) for role in "GD"]
    for name, lod in lods(v, "output/G/").items():
        stored = [tflib(arrays | {"lod": np.float32(lod)}, static, role, 2) for arrays, static, role in networks]
        (tmp_path / f"{name}.pkl").write_bytes(pickled((*stored, stored[0]), 2))
        gan = imported(tmp_path / f"{name}.pkl")
        z, label = v["input/latents"].float(), v.get("input/labels")
        if gan.n_classes:
            label = z.new_zeros(len(z), gan.n_classes) if label is None else label.float()
        images = gan.decode(z, label)
        assert images.shape == v[f"output/G/{name}"].shape
        same(images, v[f"output/G/{name}"], f"pictures at {name}")
        x = v["input/images"].float()
        same(gan.D(x), v[f"output/D/{name}/n{len(x)}"], f"scores at {name}")
        assert f"stopped at lod {lod:g}" in capsys.readouterr().out
    again = load(safetensors.save(gan, tmp_path / "again.safetensors"))
    assert torch.equal(again.decode(z, label), gan.decode(z, label))


@pytest.mark.parametrize("path", files("stylegan-networks*.npz"))
def test_stylegan_stopped_in_mid_growth(path, tmp_path):
    v = Vectors(path)
    about, arrays = v.meta["constructor"]["G"], single(v.group("param/G/"))
    for name, lod in lods(v, "output/synthesis/").items():
        network = tflib(arrays | {"lod": np.float32(lod)}, stated(about), "Gs", 3, components=True)
        (tmp_path / f"{name}.pkl").write_bytes(pickled(network, 3))
        gan = imported(tmp_path / f"{name}.pkl")
        assert gan.trained_stage.lod == pytest.approx(lod, rel=1e-6)
        images = gan.G_ema.synthesis(v["input/dlatents"].float(), gan.trained_stage.lod, "stored")
        same(images, v[f"output/synthesis/{name}"], f"pictures at {name}")
        assert gan.sample(2).shape == (2, 3, gan.resolution, gan.resolution)
