"""Small trainings by the scripts, as several rooms' tests want them."""

from pathlib import Path

import pytest
import torch

from zoo.data import Drawn
from zoo.training.cli import train
from zoo.training.loading import model_class

ROOT = Path(__file__).parents[2]


#: what makes a paper's model small enough for a test, with 32 images a training step
SMALL = {
    "biggan": "--model.resolution 32 --model.n_classes 10 --model.width_g 2 --model.width_d 2 --model.latent_dim 8 "
    "--model.shared_dim 4 --model.batch_size 16 --model.batch_size_g 16 --model.accumulate_d 2 "
    "--model.accumulate_g 2 --model.standing_passes 2 --model.watch_kimg 0.032",
    "bigan": "--model.resolution 32 --model.channels 3 --model.width 8 --model.latent_dim 4 --model.batch_size 32 "
    "--model.decay_start_kimg 0.032",
    "bigan_qp": "--model.resolution 16 --model.width 4 --model.hidden 4 --model.latent_dim 4 --model.n_dis 2 "
    "--model.batch_size 16",
    "cgan": "--model.resolution 32 --model.architecture dcgan --model.channels 3 --model.optimizer adam "
    "--model.lr 1e-3 --model.width_g 2 --model.width_d 2 --model.latent_dim 8 --model.batch_size 32",
    "dcgan": "--model.resolution 32 --model.width_g 2 --model.width_d 2 --model.latent_dim 8 --model.batch_size 32",
    "fgan": "--model.resolution 32 --model.width_g 2 --model.width_d 2 --model.latent_dim 8 --model.batch_size 32",
    "gan_qp": "--model.resolution 16 --model.width_g 4 --model.width_d 4 --model.latent_dim 8 --model.n_dis 2 "
    "--model.batch_size 16",
    "wgan": "--model.resolution 32 --model.width_g 2 --model.width_d 2 --model.latent_dim 8 --model.n_critic 2 "
    "--model.n_critic_long null --model.batch_size 32",
    "wgan_div": "--model.resolution 32 --model.architecture cnn --model.norm_d none --model.width_g 4 "
    "--model.width_d 4 --model.latent_dim 8 --model.n_dis 2 --model.batch_size 16",
    "wgan_gp": "--model.resolution 32 --model.n_classes 0 --model.architecture cnn --model.width_g 4 "
    "--model.width_d 4 --model.latent_dim 8 --model.n_dis 2 --model.batch_size 16 --model.batch_size_g 16",
    "conopt": "--model.width_g 4 --model.width_d 4 --model.latent_dim 8 --model.batch_size 32",
    "nk17": "--model.width_g 4 --model.width_d 4 --model.latent_dim 8 --model.batch_size 32",
    "ctgan": "--model.resolution 32 --model.architecture cnn --model.width_g 4 --model.width_d 4 "
    "--model.n_classes 0 --model.n_dis 2 --model.batch_size 16 --model.batch_size_g 16",
    "ctgan_ssl": "--model.width_g 2 --model.width_d 4 --model.latent_dim 8 --model.labels_per_class 2 "
    "--model.batch_size 32",
    "introvae": "--model.resolution 32 --model.widths [4,4,4] --model.latent_dim 8 --model.vae_kimg 0.064 "
    "--model.batch_size 32",
    "pggan": "--model.resolution 8 --model.fmap_base 16 --model.fmap_max 4 --model.latent_dim 4 "
    "--model.batch_size 32 --model.train_kimg 0.016 --model.transition_kimg 0.064 --model.rampup_kimg 0.1 "
    "--model.stddev_group 4",
    "r1gan": "--model.resolution 32 --model.architecture resnet --model.n_classes 0 --model.width_g 2 "
    "--model.width_d 2 --model.max_width 4 --model.latent_dim 8 --model.batch_size 32",
    "rothgan": "--model.resolution 32 --model.width_g 4 --model.width_d 4 --model.batch_size 32",
    "sngan": "--model.resolution 32 --model.architecture cnn --model.width_g 4 --model.width_d 4 "
    "--model.n_classes 0 --model.n_dis 4 --model.batch_size 8 --model.batch_size_g 8 --model.decay_start_kimg 0",
    "ttur": "--model.resolution 32 --model.width_g 4 --model.width_d 4 --model.batch_size 32",
    "stylegan": "--model.resolution 16 --model.fmap_base 32 --model.fmap_max 4 --model.latent_dim 4 "
    "--model.w_dim 4 --model.mapping_width 4 --model.train_kimg 0.032 --model.transition_kimg 0.064 "
    "--model.repeats 1 --model.batch_size 32 --model.batch_size_at {}",
    "vgan": "--model.resolution 32 --model.width_g 2 --model.width_d 2 --model.max_width 4 --model.code_channels 3 "
    "--model.latent_dim 8 --model.batch_size 32 --model.beta_step 0.1",
}


DRAWN = ("--data", "Drawn", "--data.n_images", "64")


def run(paper: str, tmp_path: Path, *more: str, kimg: float = 0.096, data: tuple[str, ...] = DRAWN):
    """A run on drawn faces, by default of three steps of 32 images."""
    args = [
        *(*data, *SMALL[paper].split(), "--model.total_kimg", str(kimg)),
        *("--samples.every_kimg", "0.032", "--samples.n", "16", "--checkpoints.every_kimg", "0.032"),
        *("--evaluation.extractors", "[random]", "--evaluation.n_fake", "16", "--evaluation.kid_subsets", "2"),
        *("--evaluation.extras", "[]"),
        *("--trainer.accelerator", "cpu", "--trainer.log_every_n_steps", "1", "--wandb", "false"),
        *("--run_dir", str(tmp_path / "run"), "--evaluation.results_dir", str(tmp_path / "results"), *more),
    ]
    return train(model_class(paper), Drawn, args=args)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.delenv("ZOO_RUN_DIR", raising=False)


def final_state(folder: Path) -> dict:
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def assert_same_training(a: dict, b: dict) -> None:
    """Bit-identical weights, buffers, averages, image counter, latent stream and optimizer states."""
    extra_a, extra_b = a["state_dict"].pop("_extra_state"), b["state_dict"].pop("_extra_state")
    assert extra_a["nimg"] == extra_b["nimg"]
    assert torch.equal(extra_a["latent_rng"], extra_b["latent_rng"])
    assert a["state_dict"].keys() == b["state_dict"].keys()
    for name, tensor in a["state_dict"].items():
        assert torch.equal(tensor, b["state_dict"][name]), name
    for one, other in zip(a["optimizer_states"], b["optimizer_states"], strict=True):
        assert one["param_groups"] == other["param_groups"]
        for key, state in one["state"].items():
            assert all(
                torch.equal(torch.as_tensor(v), torch.as_tensor(other["state"][key][k])) for k, v in state.items()
            )
