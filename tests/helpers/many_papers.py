"""Several small trainings in a row, by a single process and by some; started by test_shares.py.

    python many_papers.py OUT CASES WORLD [WORLD ...]

CASES is JSON: name -> {"worlds", "paper", "model", and perhaps "data", "loader", "strategy", "save", "go_on", and
"again" for activation checkpointing where there are several processes}. Each
process of a world leaves its weights, and what it sent, in OUT/<name>-<world>-<rank>.pt. The imports are done once:
the processes are forks.
"""

import json
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import lightning.pytorch as L
import torch
import torch.distributed as dist
from forks import forked
from lightning.pytorch.callbacks import Callback
from torch.utils.data import DataLoader, TensorDataset

from zoo.data import ImageDataModule, Images
from zoo.engine.stop import Stop
from zoo.ranks import sums
from zoo.training.devices import strategy_for
from zoo.training.loading import model_class

COLLECTIVES = ("all_reduce", "broadcast", "reduce", "all_gather", "all_gather_into_tensor", "reduce_scatter_tensor")


class Speckle(ImageDataModule):
    """64 images of noise in ten classes, which cost nothing to make."""

    def open(self) -> Images:
        generator = torch.Generator().manual_seed(0)
        size = (64, 3, self.resolution, self.resolution)
        pixels = torch.randint(256, size, dtype=torch.uint8, generator=generator)
        return Images(None, 64, f"speckle {self.resolution}", labels=torch.arange(64) % 10, pixels=pixels)


class SmallSteps(Callback):
    """Adam with an eps that a gradient of rounding alone, such as of a bias before batch norm, does not pass."""

    def on_fit_start(self, trainer: L.Trainer, gan: L.LightningModule) -> None:
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                for name in {"eps", "epsilon_hat"} & group.keys():
                    group[name] = max(group[name], 1e-4)


class Sent(Callback):
    """Counts the numbers of every collective of a training's steps, those of gradients apart, and what is moved."""

    def __init__(self) -> None:
        self.counted: Counter = Counter()
        self.kept: list = []

    def on_train_start(self, trainer: L.Trainer, gan: L.LightningModule) -> None:
        self.counted["wrapped"] = int(trainer.strategy.model is not gan)
        self.kept = [(dist, name, getattr(dist, name)) for name in COLLECTIVES] + [(sums, "add_up", sums.add_up)]
        for name in COLLECTIVES:
            setattr(dist, name, self.counting(getattr(dist, name), name))
        add_up = sums.add_up

        def gradients(tensors) -> None:
            self.counted["gradients"] += sum(t.numel() for t in tensors)
            self.counted["gradient sums"] += 1
            before = Counter(self.counted)
            add_up(tensors)
            for name in COLLECTIVES:
                self.counted[f"{name} of gradients"] += self.counted[name] - before[name]

        sums.add_up = gradients

    def counting(self, collective, name: str):
        def counted(tensor, *args, **kwargs):
            self.counted[name] += tensor.numel() if isinstance(tensor, torch.Tensor) else 1
            return collective(tensor, *args, **kwargs)

        return counted

    def on_before_optimizer_step(self, trainer: L.Trainer, gan: L.LightningModule, optimizer) -> None:
        params = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        self.counted["moved"] += sum(p.numel() for p in params)
        self.counted["updates"] += 1

    def on_train_end(self, trainer: L.Trainer, gan: L.LightningModule) -> None:
        for where, name, collective in self.kept:
            setattr(where, name, collective)


def train(out: Path, case: dict, world: int) -> tuple[L.LightningModule, Counter]:
    """A model after so many steps in float64, and what its process sent."""
    torch.manual_seed(0)
    options = dict(case["model"])
    if sides := options.get("batch_size_at"):  # JSON knows text keys alone
        options["batch_size_at"] = {int(side): n for side, n in sides.items()}
    gan = model_class(case["paper"])(**options)
    gan.checkpoint_activations = case.get("again", False) and world > 1
    data = Speckle("speckle", resolution=gan.resolution, seed=0, **case.get("data", {}))
    data.enter(gan.stage)
    sent = Sent()
    trainer = L.Trainer(
        accelerator="cpu",
        devices=world,
        strategy=case.get("strategy") if world > 1 and "strategy" in case else strategy_for({"devices": world}),
        precision="64-true",
        max_steps=-1,
        max_epochs=-1,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler="loader" in case,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Stop(), SmallSteps(), sent],
    )
    if "loader" in case:  # any loader's batches; Lightning gives each process its share
        data.setup()
        images, labels = data.opened[range(64)]
        pairs = TensorDataset(images.double() / 127.5 - 1, labels)
        trainer.fit(gan, DataLoader(pairs, case["loader"] // world))
        return gan, sent.counted
    trainer.fit(gan, datamodule=data, ckpt_path=str(out / case["go_on"]) if case.get("go_on") else None)
    if case.get("save"):
        trainer.save_checkpoint(out / case["save"])
    return gan, sent.counted


def run(out: Path, cases: dict, world: int) -> None:
    for name, case in cases.items():
        if world in case["worlds"]:
            gan, sent = train(out, case, world)
            torch.save(
                {"state": gan.state_dict(), "sent": dict(sent)}, out / f"{name}-{world}-{gan.global_rank}.pt"
            )


if __name__ == "__main__":
    torch.set_num_threads(1)
    _, base, given, *worlds = sys.argv
    loaded = json.loads(Path(given).read_text())
    for one in loaded.values():
        model_class(one["paper"])  # imported once, before the processes are forked
    sys.exit(0 if all(forked(partial(run, Path(base), loaded), int(world)) for world in worlds) else 1)
