"""Every recipe parses against its script, and every reproduction trains end to end at a tiny size."""

import csv
import json
import os
import subprocess
import sys

import lightning.pytorch as L
import pytest
import torch
import yaml
from runs import ROOT, SMALL, assert_same_training, final_state, own_cache, run  # noqa: F401
from torchvision.transforms.functional import to_pil_image

from zoo.baselines import BASELINES
from zoo.data import ImageDataModule
from zoo.data.drawn import draw
from zoo.imitation import ALGORITHMS
from zoo.papers import PAPERS, paper_class
from zoo.training.loading import model_class
from zoo.training.recipes import compose
from zoo.training.run import last_checkpoint

RECIPES = sorted(p for p in (ROOT / "reproductions").glob("*/*.yaml") if p.parent.name != "suites")


#: pictures a paper draws beside its samples
PICTURES = dict.fromkeys(("bigan", "bigan_qp", "introvae"), ("reconstructions",))
#: what a paper's discriminator says of images, by the names in its log
LOGITS = ("logits/real", "logits/fake")
SCORES = {
    "introvae": ("L_REG/real", "L_REG/reconstruction", "L_REG/sample", "loss/L_AE", "loss/L_adv_E", "loss/L_adv_G")
}


IMAGES = [p for p in RECIPES if p.parent.name not in ALGORITHMS]


@pytest.mark.parametrize("recipe", IMAGES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_recipe_parses_and_builds(recipe):
    """Over the paper's recipe, and over those that its own launch line names before it."""
    from jsonargparse import ArgumentParser

    launch = [line for line in recipe.read_text().splitlines() if line.startswith("#") and ".yaml" in line]
    chain = [ROOT / word for line in launch for word in line.split() if word.endswith(".yaml")]
    assert recipe.stem == "paper" or recipe in chain, "the header's launch line must name the recipe"
    chain = chain[: chain.index(recipe) + 1] if recipe in chain else []
    merged, _, name = compose(recipe.parent / "paper.yaml", [w for p in chain for w in ("--config", str(p))])
    assert name == recipe.stem
    model = model_class(recipe.parent.name)
    parser = ArgumentParser()
    parser.add_class_arguments(model, "model")
    parser.parse_object({"model": merged["model"]})
    with torch.device("meta"):
        built = model(**merged["model"])
    assert built.images_per_step > 0
    data = ArgumentParser()
    data.add_subclass_arguments(ImageDataModule, "data")
    data.parse_object(
        {"data": merged["data"] | {"init_args": {**merged["data"].get("init_args", {}), "resolution": 32}}}
    )


def test_another_data_set_takes_nothing_over_from_the_recipe(tmp_path):
    (tmp_path / "paper.yaml").write_text(
        "data: {class_path: ImageNet, init_args: {noise: 0.1, divisor: 128}}\nmodel: {lr: 1}"
    )
    (tmp_path / "same.yaml").write_text("data: {class_path: ImageNet, init_args: {noise: 0}}")
    (tmp_path / "other.yaml").write_text("data: {class_path: CIFAR10}")
    base = tmp_path / "paper.yaml"
    same, _, name = compose(base, ["--config", str(tmp_path / "same.yaml"), "--model.lr", "2"])
    assert same["data"]["init_args"] == {"noise": 0, "divisor": 128}
    assert name == "same"
    other, rest, _ = compose(base, [f"--config={tmp_path / 'other.yaml'}", "--model.lr", "2"])
    assert other == {"data": {"class_path": "CIFAR10"}, "model": {"lr": 1}}
    assert rest == ["--model.lr", "2"]
    assert "data" not in compose(base, ["--data", "CIFAR10"])[0]
    with pytest.raises(
        FileNotFoundError, match=r"no recipe at nowhere.yaml; beside .* there are other, paper, same"
    ):
        compose(base, ["--config", "nowhere.yaml"])
    (tmp_path / "none.yaml").write_text("data: {init_args: {}}\nmodel: {}")
    none = compose(base, ["--config", str(tmp_path / "none.yaml")])[0]
    assert none == {"data": {"class_path": "ImageNet", "init_args": {}}, "model": {"lr": 1}}


def test_a_set_s_options_may_stand_in_its_section(tmp_path):
    """As the command line takes `--data.n_images 64`."""
    (tmp_path / "paper.yaml").write_text("data: {class_path: Drawn, init_args: {noise: 0}}")
    (tmp_path / "few.yaml").write_text("data: {n_images: 64}")
    found = compose(tmp_path / "paper.yaml", ["--config", str(tmp_path / "few.yaml")])[0]
    assert found == {"data": {"class_path": "Drawn", "init_args": {"noise": 0, "n_images": 64}}}


def test_a_run_s_own_configuration_has_the_run_s_name(tmp_path):
    config = ["--config", str(tmp_path / "tiny-001" / "config.yaml")]
    (tmp_path / "over.yaml").write_text("model: {lr: 1}")
    (tmp_path / "tiny-001").mkdir()
    (tmp_path / "tiny-001" / "config.yaml").write_text("evaluation: {recipe: small}\nancestor: {file: a.ckpt}")
    found, _, name = compose(None, config)
    assert (found.keys(), name) == ({"evaluation"}, "small")
    assert compose(None, [*config, "--config", str(tmp_path / "over.yaml")])[2] == "over"
    (tmp_path / "tiny-001" / "config.yaml").write_text("evaluation: {episodes: 3}")
    assert compose(None, config)[2] == "config"
    (tmp_path / "tiny-001" / "run_id").write_text("0123")  # of imitation, which notes no name
    assert compose(None, config)[2] == "tiny"


def test_the_option_names_the_recipe(tmp_path):
    run("sngan", tmp_path, "--evaluation.recipe", "mine", kimg=0.032)
    (row,) = (tmp_path / "results" / "sngan").glob("mine-*.json")
    assert json.loads(row.read_text())["recipe"] == "mine"
    assert compose(None, ["--config", str(tmp_path / "run-001" / "config.yaml")])[2] == "mine"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda p: p.stem)
def test_every_number_of_a_recipe_names_its_source(recipe):
    for line in recipe.read_text().splitlines():
        key, _, value = line.partition(":")
        if value.strip() and not line.lstrip().startswith(("#", "- ")) and key.strip() != "class_path":
            assert "#" in value, f"{recipe.name}: {line.strip()} names no source"


@pytest.mark.parametrize("paper", sorted(PAPERS | BASELINES))
def test_trains_end_to_end(paper, tmp_path, capsys):
    cli = run(paper, tmp_path, "--evaluation.extras", "[fwd,auth_pct,c_t]")
    assert cli.model.nimg == 96
    folder = tmp_path / "run-001"
    samples = {"kimg-0000000.0.png", "kimg-0000000.1.png"}
    own = {name.replace(".png", f"-{kind}.png") for name in samples for kind in PICTURES.get(paper, ())}
    if cli.model.stage_at(0).end is not None:  # a growing model, its stages beside each other
        own |= {"growth.png", *(f"stage-{cli.model.stage_at(n).resolution:04d}px.png" for n in (0, 32, 64))}
    assert {p.name for p in (folder / "samples").iterdir()} == {"real.png"} | samples | own
    assert (folder / "checkpoints" / "last.ckpt").is_file()
    assert yaml.safe_load((folder / "config.yaml").read_text())["model"]["total_kimg"] == 0.096
    logged = list(csv.DictReader((folder / "csv" / "version_0" / "metrics.csv").open()))
    assert [float(r["kimg"]) for r in logged if r["loss/d"]] == pytest.approx([0.032, 0.064, 0.096])
    assert {"loss/g", "grad/d", "grad/g", "speed/images_per_s", *SCORES.get(paper, LOGITS)} <= set(logged[0])
    (row,) = (tmp_path / "results" / paper).glob("*.json")
    row = json.loads(row.read_text())
    assert row["training"]["nimg"] == 96
    assert row["training"]["steps"] == 3
    assert row["metrics"]["fd_random"] > 0
    assert "auth_pct_random" in row["metrics"]
    assert "fid" not in row["metrics"]
    assert "results row" in capsys.readouterr().out


@pytest.mark.parametrize("how", ["signal", "crash"])
@pytest.mark.parametrize("paper", sorted(PAPERS | BASELINES))
def test_killed_and_resumed_equals_never_killed(paper, how, tmp_path, monkeypatch, capsys):
    """Stopped in mid-run by SIGTERM, or dead between two checkpoints; then the same command with --ckpt_path last.

    Noise and flips of the data are on, so that their random numbers are compared too.
    """
    noise = ("--data.noise", "0.0078", "--data.flip", "true")
    run(paper, tmp_path / "whole", *noise, kimg=0.16)

    model = model_class(paper)
    step = model.training_step

    def killed(self, batch, batch_idx):
        step(self, batch, batch_idx)
        if self.nimg == 96 and how == "crash":
            raise RuntimeError("power cut")
        if self.nimg == 64 and how == "signal":
            os.kill(os.getpid(), 15)

    monkeypatch.setattr(model, "training_step", killed)
    with pytest.raises((SystemExit, RuntimeError)) as stopped:
        run(paper, tmp_path / "halves", *noise, kimg=0.16)
    assert final_state(tmp_path / "halves" / "run-001")["state_dict"]["_extra_state"]["nimg"] == 64
    assert not (tmp_path / "halves" / "results").exists()
    if how == "signal":
        assert stopped.value.code == 128 + 15
        assert "--ckpt_path last" in capsys.readouterr().out
    monkeypatch.setattr(model, "training_step", step)
    cli = run(paper, tmp_path / "halves", *noise, "--ckpt_path", "last", kimg=0.16)
    assert cli.run.folder == tmp_path / "halves" / "run-001"
    assert_same_training(final_state(tmp_path / "whole" / "run-001"), final_state(cli.run.folder))


def test_an_image_damaged_in_mid_training_is_one_sentence_and_loses_nothing(tmp_path, monkeypatch, capsys):
    faces = tmp_path / "faces"
    for i, face in enumerate(draw(range(64), 32)):
        (faces / f"{i % 2}").mkdir(parents=True, exist_ok=True)
        to_pil_image(face).save(faces / f"{i % 2}" / f"{i}.png")
    data = (
        "--data",
        "ImageDataModule",
        "--data.path",
        str(faces),
        "--data.memory_gib",
        "0",
        "--data.num_workers",
        "1",
    )
    run("sngan", tmp_path / "whole", *data, kimg=0.32)

    model, file = paper_class("sngan"), faces / "1" / "33.png"
    step, content = model.training_step, file.read_bytes()

    def damaging(self, batch, batch_idx):
        step(self, batch, batch_idx)
        file.write_bytes(bytes(len(content)))

    monkeypatch.setattr(model, "training_step", damaging)
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        run("sngan", tmp_path / "halves", *data, "--checkpoints.every_kimg", "0", kimg=0.32)
    assert stopped.value.code == 2
    said = capsys.readouterr()
    assert "stopped by a damaged image" in said.out
    (line,) = said.err.splitlines()
    assert line.startswith(f"error: {file} cannot be decoded")
    nimg = final_state(tmp_path / "halves" / "run-001")["state_dict"]["_extra_state"]["nimg"]
    assert 32 <= nimg < 320

    file.write_bytes(content)
    monkeypatch.setattr(model, "training_step", step)
    run("sngan", tmp_path / "halves", *data, "--ckpt_path", "last", kimg=0.32)
    assert_same_training(*(final_state(tmp_path / part / "run-001") for part in ("whole", "halves")))


def test_a_finished_run_is_not_trained_again(tmp_path, capsys):
    run("sngan", tmp_path)
    with pytest.raises(SystemExit) as refused:
        run("sngan", tmp_path, "--ckpt_path", "last")
    assert refused.value.code == 2
    assert "raise --model.total_kimg" in capsys.readouterr().err


def test_two_equal_commands_do_not_share_a_folder(tmp_path):
    assert run("sngan", tmp_path).run.folder != run("sngan", tmp_path).run.folder


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--data", "ImageNet", "--data.path", "nowhere.zip"), ["nowhere.zip", "zoo data prepare", "tiny"]),
        (("--model.resolution", "31"), ["31"]),
        (("--model.n_classes", "7", "--model.architecture", "resnet"), ["7 classes", "10"]),
        (("--ckpt_path", "nowhere.ckpt"), ["nowhere.ckpt"]),
        (("--model.resolution", "36"), ["divisible by 8", "36"]),
        (("--model.decay_start_kimg", "99"), ["decay_start_kimg", "total_kimg"]),
        (("--model.lr", "abc"), ["model.lr takes a number above 0, not abc"]),
        (("--model.architecture", "foo"), ["resnet-concat", "not foo"]),
        (("--model.batch_size", "0"), ["model.batch_size takes a whole number from 1 to"]),
        (("--data", "CelebA"), ["no CelebA", "CelebAHQ, Drawn"]),
        (("--data.pth", "x"), ["Drawn", "pth"]),
        (("--data.limit", "0"), ["limit takes a whole number of at least 1"]),
        (("--data.resolution", "16"), ["--model.resolution"]),
        (("--trainer.devices", "0"), ["trainer.devices takes"]),
        (("--trainer.devices", "two"), ["--trainer.devices", "two"]),
        (("--evaluation.n_real", "0"), ["n_real"]),
        (("--evaluation.truncation", "-1"), ["truncation must be positive"]),
        (("--evaluation.results_dir", f"{__file__}/rows"), ["results_dir"]),
        (("--run_dir", f"{__file__}/run"), ["test_reproductions.py", "another folder"]),
        (("--samples.n", "0"), ["samples.n"]),
    ],
)
def test_mistakes_are_told_in_one_sentence(more, words, tmp_path, capsys):
    with pytest.raises(SystemExit) as refused:
        run("sngan", tmp_path, *more)
    assert refused.value.code == 2
    (line,) = [e for e in capsys.readouterr().err.splitlines() if e.startswith("error:")]
    for word in words:
        assert word in line


def test_resuming_with_other_settings_is_refused_and_longer_training_is_not(tmp_path, capsys):
    run("sngan", tmp_path)
    with pytest.raises(SystemExit):
        run("sngan", tmp_path, "--ckpt_path", "last", "--model.beta1", "0.25", kimg=0.128)
    assert "beta1 0.0 -> 0.25" in capsys.readouterr().err
    assert run("sngan", tmp_path, "--ckpt_path", "last", kimg=0.128).model.nimg == 128
    assert "total_kimg 0.096 -> 0.128" in capsys.readouterr().out


def test_last_means_this_recipe_and_not_one_whose_name_begins_like_it(tmp_path):
    for name in ("cifar10-001", "cifar10-cnn-001", "cifar10-002-extra"):
        (tmp_path / name / "checkpoints").mkdir(parents=True)
        (tmp_path / name / "checkpoints" / "last.ckpt").touch()
    assert last_checkpoint(tmp_path / "cifar10") == tmp_path / "cifar10-001" / "checkpoints" / "last.ckpt"
    assert last_checkpoint(tmp_path / "stl10") is None


def test_changed_data_under_a_checkpoint_is_refused(tmp_path, capsys):
    run("sngan", tmp_path)
    more = ("--ckpt_path", "last", "--data.n_images", "65", "--model.total_kimg", "1")
    with pytest.raises(SystemExit):
        run("sngan", tmp_path, *more)
    assert "other data than" in capsys.readouterr().err


def test_damaged_checkpoint_is_named(tmp_path, capsys):
    (tmp_path / "bad.ckpt").write_bytes(b"nothing")
    with pytest.raises(SystemExit):
        run("sngan", tmp_path, "--ckpt_path", str(tmp_path / "bad.ckpt"))
    assert "damaged" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["loss/d", "running_var", "linear.weight"])
def test_numbers_gone_bad_stop_the_run_and_keep_the_last_checkpoint(what, tmp_path, monkeypatch, capsys):
    model = paper_class("sngan")
    step = model.training_step

    def poisoned(self, batch, batch_idx):
        step(self, batch, batch_idx)
        if self.nimg == 64:
            tensors = {**dict(self.named_parameters()), **dict(self.named_buffers()), **self.scalars}
            next(t for name, t in tensors.items() if name.endswith(what)).detach().fill_(float("nan"))

    monkeypatch.setattr(model, "training_step", poisoned)
    with pytest.raises(SystemExit) as stopped:
        run("sngan", tmp_path)
    assert stopped.value.code == 1
    message = capsys.readouterr().err
    assert f"{what} is not finite" in message
    assert "last.ckpt" in message
    assert not (tmp_path / "results").exists()
    assert final_state(tmp_path / "run-001")["state_dict"]["_extra_state"]["nimg"] == 32


def test_full_disk_costs_a_checkpoint_but_not_the_run(tmp_path, monkeypatch, capsys):
    save, calls = L.Trainer.save_checkpoint, []

    def full(self, path, *args, **kwargs):
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        save(self, path, *args, **kwargs)

    monkeypatch.setattr(L.Trainer, "save_checkpoint", full)
    assert run("sngan", tmp_path).model.nimg == 96
    assert "No space left on device" in capsys.readouterr().err
    assert final_state(tmp_path / "run-001")["state_dict"]["_extra_state"]["nimg"] == 96


def test_help_and_print_config_of_the_script(tmp_path):
    """The only test that starts the script itself: a child process costs seconds."""
    command = [sys.executable, ROOT / "reproductions" / "sngan.py"]
    tiny = ROOT / "reproductions" / "sngan" / "tiny.yaml"
    shown = subprocess.run(
        [*command, "--config", tiny, "--model.lr", "0.125", "--print_config"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    ).stdout
    config = yaml.safe_load(shown)
    assert config["model"]["lr"] == 0.125
    assert config["model"]["total_kimg"] == yaml.safe_load(tiny.read_text())["model"]["total_kimg"]
    assert config["data"]["class_path"].endswith("Drawn")
