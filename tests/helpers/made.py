"""Checkpoints of small models after one step, for tests that only look at them."""

from pathlib import Path

import lightning.pytorch as L
import torch
import yaml
from runs import SMALL
from torch.utils.data import DataLoader

from zoo.engine.gan import GAN
from zoo.training.loading import model_class


def small(paper: str, **changes) -> GAN:
    words = SMALL[paper].split()
    options = {k.removeprefix("--model."): yaml.safe_load(v) for k, v in zip(words[::2], words[1::2], strict=True)}
    return model_class(paper)(**options | changes)


def checkpoint(paper: str, path: Path, **changes) -> Path:
    """Train one step on noise and save; what hardly shows yet is made to: StyleGAN's noise, batch statistics."""
    torch.manual_seed(0)
    gan = small(paper, **changes)
    for module in gan.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # one step must be enough for statistics that show different latents differently
    images = torch.rand(32, 3, gan.resolution, gan.resolution) * 2 - 1
    batch = (images, torch.arange(32) % gan.n_classes) if gan.n_classes else images
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = L.Trainer(accelerator="cpu", devices=1, max_epochs=1, enable_checkpointing=False, **quiet)
    trainer.fit(gan, DataLoader([batch], batch_size=None))
    for name, weight in gan.named_parameters():
        if "noise" in name:
            weight.data.fill_(0.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    trainer.save_checkpoint(path)
    return path
