"""Evaluation during and after training."""

import json
import math
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.utilities.seed import isolate_rng

from zoo.callbacks import save_grid
from zoo.evaluation.evaluate import build_extractors, check_options, evaluate
from zoo.evaluation.extractors import Extractor, metric_names
from zoo.evaluation.results import make_row, versions, write_row
from zoo.gan import GAN


class Evaluate(L.Callback):
    """Scores the model every so many thousand images and at the end of training, and writes the results row.

    Training is the same with and without it: global random numbers, train/eval modes and batch norm's
    statistics are as they were. All ranks share the work. An extractor whose weights are missing is named once,
    its metrics are absent from the row with the reason, and training goes on. An interrupted run leaves no row.

    Args:
        every_kimg: thousands of real images between evaluations; None for the one at the end.
        extractors: any of `inception` (fid, is, kid) and `random` (fd_random, kid_random).
        n_fake: generated images.
        n_real: real images; None for all of the training set.
        protocol: name of these conditions; rows of different protocols are not ranked together.
        paper: short name of the paper; None takes the name of the model's class.
        recipe: name of the recipe.
        results_dir: folder of the rows; None writes none.
        seed: names the evaluated samples.
        batch_size: images per rank and pass.
        truncation: bound of the truncation trick, or None.
        ema: score the average of G where there is one.
        rounding: `round`, or `truncate` as in SNGAN's code.
        is_splits: parts of the Inception Score.
        kid_subsets: subsets of KID, of 1000 images or as many as there are.
        weights: file of the Inception weights.
        grid: number of samples in the row's picture; 0 for none.
    """

    def __init__(
        self,
        every_kimg: float | None = None,
        extractors: Sequence[str] = ("inception", "random"),
        n_fake: int = 50_000,
        n_real: int | None = None,
        protocol: str = "zoo",
        paper: str | None = None,
        recipe: str = "custom",
        results_dir: str | None = "results",
        seed: int = 0,
        batch_size: int = 128,
        truncation: float | None = None,
        ema: bool = True,
        rounding: str = "round",
        is_splits: int = 10,
        kid_subsets: int = 100,
        weights: str | None = None,
        grid: int = 64,
    ) -> None:
        check_options(rounding, n_fake, batch_size, is_splits)
        self.every_kimg, self.extractors, self.weights = every_kimg, list(extractors), weights
        self.paper, self.recipe, self.results_dir, self.grid = paper, recipe, results_dir, grid
        self.options = {
            "n_fake": n_fake,
            "n_real": n_real,
            "seed": seed,
            "batch_size": batch_size,
            "truncation": truncation,
            "ema": ema,
            "rounding": rounding,
            "is_splits": is_splits,
            "kid_subsets": kid_subsets,
            "protocol": protocol,
        }
        self.config: dict | None = None  # of the whole run, when the command line knows it
        self._built: tuple[list[Extractor], dict[str, str]] | None = None
        self._last: tuple[int, dict] | None = None  # nimg and result of the latest evaluation
        self._trained = False

    def on_fit_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Find out now, not after a week, what would stop the evaluation.

        Raises:
            ValueError: without a data module, or if it has fewer images than `n_real`.
        """
        data, n_real = trainer.datamodule, self.options["n_real"]
        if data is None:
            raise ValueError("Evaluate compares with real images: fit with datamodule=...")
        if n_real is not None and n_real > len(data):
            raise ValueError(f"n_real is {n_real}, but {data.name} has {len(data)} images")
        if trainer.is_global_zero:
            self._software = versions()  # of the code that trains, whatever becomes of the checkout meanwhile
        if not trainer.fast_dev_run:
            missing = self._extractors()[1]
            for name, reason in missing.items() if trainer.is_global_zero else ():
                print(f"evaluation goes on without {name}: {reason}")

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, *_: Any) -> None:
        self._trained = True
        if not trainer.fast_dev_run and gan.passed(self.every_kimg):
            self._evaluate(trainer, gan)

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        # an interrupted run has no result yet; resuming a finished one would repeat its row
        if trainer.fast_dev_run or not gan.finished or not self._trained:
            return
        if self._last is None or self._last[0] != gan.nimg:
            self._evaluate(trainer, gan)
        if self.results_dir is not None and trainer.is_global_zero:
            with isolate_rng(), gan.off_the_clock():
                self.write(gan, trainer.datamodule, self._last[1], self._software)

    def _extractors(self) -> tuple[list[Extractor], dict[str, str]]:
        # kept here, not on the model: they must stay out of checkpoints, DDP and averages of weights
        if self._built is None:
            self._built = build_extractors(self.extractors, self.weights)
        return self._built

    def _evaluate(self, trainer: L.Trainer, gan: GAN) -> None:
        self._last = (gan.nimg, self.score(gan, trainer.datamodule))
        gan.log_scalars({f"metrics/{name}": value for name, value in self._last[1]["metrics"].items()})

    def score(self, gan: GAN, data: L.LightningDataModule) -> dict:
        """Metrics, absent metrics and conditions of `gan` against `data`, printed in one line; a collective."""
        started = time.perf_counter()
        built, missing = self._extractors()
        modes = {module: module.training for module in gan.modules()}
        try:
            with isolate_rng(), gan.off_the_clock():
                result = evaluate(gan, data, built, **self.options)
                for name, value in gan.own_metrics(data).items():
                    result["absent" if isinstance(value, str) else "metrics"][name] = value
        finally:
            for module, training in modes.items():
                module.training = training
        for name, reason in missing.items():
            result["absent"] |= dict.fromkeys(metric_names(name).values(), reason)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in result["metrics"].items())
        seconds = time.perf_counter() - started
        if gan.global_rank == 0:
            print(f"evaluated at {gan.nimg / 1000:g} kimg in {seconds:.0f} s: {shown or 'no metric'}", flush=True)
        return result

    def write(self, gan: GAN, data: L.LightningDataModule, result: dict, software: dict | None = None) -> None:
        """The results row of `score`'s result; `software` is the present one's by default."""
        training = gan.conditions | {
            "nimg": gan.nimg,
            "batch_size": gan.images_per_step,
            "steps": gan.nimg // gan.images_per_step,
            "hours": gan.train_seconds / 3600,
        }
        config = self.config or {"model": {k: v for k, v in gan.hparams.items() if not k.startswith("_")}}
        paper = self.paper or type(gan).__name__.lower()
        row = make_row(paper, self.recipe, data, result, training, config, software)
        try:
            path = write_row(row, self.results_dir, partial(self._draw, gan) if self.grid else None)
        except OSError as error:  # a full disk must not look like a failed training
            print(f"the results row was not written ({error}); it is:\n{json.dumps(row)}")
        else:
            print(f"results row: {path}")

    def _draw(self, gan: GAN, path: Path) -> None:
        """The first `grid` of the evaluated samples, uncurated, as one picture."""
        o = self.options
        images = [
            gan.sample(
                min(o["batch_size"], self.grid - start), None, o["truncation"], o["ema"], o["seed"], start
            ).cpu()
            for start in range(0, self.grid, o["batch_size"])
        ]
        save_grid(torch.cat(images).nan_to_num(), path, columns=math.isqrt(self.grid))
