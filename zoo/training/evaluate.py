"""Evaluation during and after training."""

import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as L
from lightning.pytorch.utilities.seed import isolate_rng

from zoo.engine.best import check_best, forget_best, offer_best
from zoo.engine.devices import threads
from zoo.engine.duties import perform
from zoo.engine.gan import GAN
from zoo.engine.reporting import offer
from zoo.evaluation.evaluate import build_extractors, evaluate
from zoo.evaluation.extractors import DEFAULT, Extractor, check_name, headline_names
from zoo.evaluation.extras import find
from zoo.evaluation.protocols import asked, resolve, terms
from zoo.evaluation.small import finite, over_seeds, set_apart
from zoo.leaderboard.naming import scored, token_of
from zoo.leaderboard.ranking import higher
from zoo.leaderboard.rows import check_writable, make_row, versions, write_row
from zoo.options import ranges
from zoo.options.checked import Checked
from zoo.pictures.grids import sample_grid, save_grid, save_own_pictures
from zoo.training.checks import scores_on_the_way
from zoo.training.history import still_whole, write_evaluations
from zoo.training.loggers import log_row
from zoo.training.nearest import nearest_of, save_nearest
from zoo.training.run import EVALUATIONS, of_trained_stage


class Evaluate(Checked, L.Callback):
    """Scores the model every so many thousand images and at the end of training, and writes the results row.

    Training is the same with and without it: global random numbers, train/eval modes and batch norm's statistics
    are as they were. All ranks share the work. Weights that are a file of the user's (`weights`, ZOO_INCEPTION,
    ZOO_DINOV2, NAME:FILE) must be there before training; an extractor whose package or download cannot be had is
    told once, and its metrics are absent from the row with the reason. An interrupted run has no row. All
    evaluations, a resumed run's too, stand in `evaluations.jsonl` and the row's `history`. None: the protocol's.

    Args:
        every_kimg: thousands of real images between evaluations; None for the one at the end.
        extractors: any of `inception` (fid, is, kid, precision, ...), `efficientnet-lite0`, `dinov2`, `random`
            (fd_random, ...), `domain` and torch-fidelity's others; see `zoo.evaluation.extractors`.
        protocol: named conditions, a key of `zoo.evaluation.protocols`; rows are ranked within one.
        n_fake: generated images.
        n_real: real images, a fixed random choice of the training set.
        n_is: generated images that the Inception Score counts.
        n_prdc: images that precision, recall, density and coverage count, at most.
        extras: metrics beyond those of features, at the end of training; see `zoo.evaluation.extras`.
        every_extras: those of them that evaluations on the way have too, for the row's `history`.
        paper: short name of the paper; None takes the name of the model's class.
        recipe: name of the recipe; a training's command line takes that of the recipe's file.
        results_dir: folder of the rows; None writes none.
        seed: names the evaluated samples.
        n_seeds: sampling seeds from `seed` on; of several the row has means, and deviations as its `spread`.
        batch_size: images per rank and pass.
        truncation: bound of the truncation trick.
        ema: score the average of G where there is one.
        rounding: `round`, or `truncate` as in SNGAN's code.
        is_splits: parts of the Inception Score.
        kid_subsets: subsets of KID, of 1000 images or as many as there are.
        weights: file of the Inception weights.
        threads: CPU threads while scoring; those of training by default.
        grid: number of samples in the row's picture (with classes: shared by the first ten); 0 for none.
    """

    def __init__(
        self,
        every_kimg: ranges.NonNegativeFloat | None = None,
        extractors: Sequence[str] = DEFAULT,
        protocol: str = "zoo",
        n_fake: ranges.PositiveInt | None = None,
        n_real: ranges.PositiveInt | None = None,
        n_is: ranges.PositiveInt | None = None,
        n_prdc: ranges.PositiveInt | None = None,
        extras: Sequence[str] | None = None,
        every_extras: Sequence[str] = (),
        paper: str | None = None,
        recipe: str = "custom",
        results_dir: str | None = "results",
        seed: ranges.Seed = 0,
        n_seeds: ranges.PositiveInt = 1,
        batch_size: ranges.BatchSize = 128,
        truncation: ranges.FiniteFloat | None = None,
        ema: bool | None = None,
        rounding: str | None = None,
        is_splits: ranges.PositiveInt | None = None,
        kid_subsets: ranges.PositiveInt | None = None,
        weights: str | None = None,
        threads: ranges.Processes | None = None,
        grid: ranges.NonNegativeInt = 64,
    ) -> None:
        self.every_kimg, self.extractors, self.weights = every_kimg, list(extractors), weights
        self.paper, self.recipe, self.results_dir, self.grid = paper, recipe, results_dir, grid
        changes: dict[str, Any] = {"n_fake": n_fake, "n_real": n_real, "n_is": n_is, "n_prdc": n_prdc, "ema": ema}
        changes |= {"truncation": truncation, "rounding": rounding, "is_splits": is_splits}
        changes |= {"kid_subsets": kid_subsets, "extras": None if extras is None else tuple(extras)}
        if not 0 < len(self.extractors) == len(set(self.extractors)):
            raise ValueError("evaluation.extractors is empty or names one twice: name each once, such as [random]")
        self.protocol, self.changed = resolve(protocol, changes)
        for name in self.protocol.extras:
            find(name)
        if late := set(every_extras) - set(self.protocol.extras):
            raise ValueError(f"evaluation.every_extras names {min(late)}: name it in evaluation.extras as well")
        self.n_seeds, self.threads, self.every_extras = n_seeds, threads, tuple(every_extras)
        self.asked = asked(protocol, self.changed, seed, n_seeds)
        self.terms = self._before = terms(self.protocol) | {"seed": seed, "n_seeds": n_seeds}
        self.options = changes | {"protocol": protocol, "seed": seed, "batch_size": batch_size}
        self.config: dict | None = None  # of the whole run, when the command line knows it
        self.run: str | None = None  # what tells this run's rows from another's
        self.history: dict[int, dict] = {}  # by nimg
        self._built: tuple[list[Extractor], dict[str, str]] | None = None
        self._last: tuple[int, dict] | None = None  # nimg and result of the latest evaluation
        self._again = False

    def state_dict(self) -> dict:
        return {"history": list(self.history.values()), "terms": self.terms}

    def load_state_dict(self, state_dict: dict) -> None:
        self.history |= {one["nimg"]: one for one in state_dict["history"]}
        self._before = state_dict.get("terms", self.terms)  # older files do not say

    def check(self, gan: GAN, data: L.LightningDataModule | None) -> None:
        """Find out now, not after a week, what would stop the evaluation; of files that are named, by reading them.

        Raises:
            ValueError, OSError: without a data module as the zoo's, if it has fewer images than `n_real`, for a
                truncation the model does not know, weights that are none, or if the row could not be written.
        """
        if not {"name", "fingerprint", "images", "batches", "__len__"} <= {*dir(data)}:
            raise ValueError("Evaluate compares with real images: fit with datamodule=, a data module of zoo.data")
        n_real = self.protocol.n_real
        if "n_real" in self.changed and not 2 <= n_real <= len(data):
            raise ValueError(
                f"n_real is {n_real}, but {data.name} has {len(data)} images and 2 are the least: set "
                "n_real within that, or take another protocol"
            )
        gan.indexed_latents(0, truncation=self.protocol.truncation)
        if self.results_dir is not None:
            check_writable(Path(self.results_dir))
        for name in self.extractors:
            check_name(name, self.weights)

    def on_fit_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """As `check`, and read what was scored before."""
        check_best(trainer.callbacks, self.every_kimg, scores_on_the_way(gan, self.extractors))
        if trainer.is_global_zero:
            self.check(gan, trainer.datamodule)
            self._software = versions()  # of the code that trains, whatever becomes of the checkout meanwhile
        self._file = Path(trainer.default_root_dir, EVALUATIONS)
        if trainer.is_global_zero and self._file.is_file():  # what came after the checkpoint that is gone on from
            self.history |= still_whole(self._file, gan.nimg)
        if not trainer.fast_dev_run:
            missing = self._extractors()[1]
            for name, reason in missing.items() if trainer.is_global_zero else ():
                print(f"evaluation goes on without {name}: {reason}")

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        alike = self._before == self.terms  # whether scores so far compare with those to come
        self._again = gan.finished and not alike
        if self._again:  # scored under other conditions: another row, and the run stays as it is
            return
        forget_best(trainer, gan, alike)
        if (known := trainer.strategy.broadcast(self.history.get(gan.nimg))) is None:
            with of_trained_stage(gan, trainer.datamodule):
                self.on_train_batch_end(trainer, gan)
        elif alike and not gan.finished:  # scored after the checkpoint, which cannot know whether that was the best
            offer_best(trainer, gan, known["metrics"], higher)

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, *_: Any) -> None:
        if not trainer.fast_dev_run and gan.passed(self.every_kimg) and not gan.finished:  # the end has its own
            perform(trainer, partial(self._evaluate, trainer, gan, extras=False))

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        if not gan.finished or trainer.fast_dev_run:  # an interrupted run has no result
            return
        if not trainer.strategy.broadcast(self.settled(gan)):  # rank 0 alone knows the run
            with of_trained_stage(gan, trainer.datamodule):
                perform(trainer, partial(self._conclude, trainer, gan))

    def settled(self, gan: GAN, nimg: int | None = None) -> bool:
        """Whether a run that stands where `gan` stands, or at `nimg`, has a row of these conditions already."""
        paper, nimg = self.paper or type(gan).__name__.lower(), gan.nimg if nimg is None else nimg
        known = self.run is not None and self.results_dir is not None
        return known and scored(self.results_dir, paper, self.run, nimg, self.asked)

    def _conclude(self, trainer: L.Trainer, gan: GAN) -> None:
        if self._last is None or self._last[0] != gan.nimg or self.protocol.extras:
            self._evaluate(trainer, gan)
        if self.results_dir is not None and trainer.is_global_zero:
            token = token_of(self.run, gan.nimg, self.asked) if self.run else None
            with isolate_rng(), gan.off_the_clock():
                row = self.write(gan, trainer.datamodule, self._last[1], self._software, token)
            for logger in trainer.loggers:
                log_row(logger, row)

    def _extractors(self) -> tuple[list[Extractor], dict[str, str]]:
        # kept here, not on the model: they must stay out of checkpoints, DDP and averages of weights
        if self._built is None:
            self._built = build_extractors(self.extractors, self.weights)
        return self._built

    def _evaluate(self, trainer: L.Trainer, gan: GAN, extras: bool = True) -> None:
        result = self.score(gan, trainer.datamodule, extras)
        self._last = (gan.nimg, result)
        named = {f"metrics/{name}": value for name, value in result["metrics"].items()}
        gan.log_scalars(named)
        offer(trainer, result["metrics"] | named)  # by the loggers' names and by their own
        if self._again:
            return
        self.note(gan, result)
        offer_best(trainer, gan, result["metrics"], higher)
        if trainer.is_global_zero:
            write_evaluations(self._file, self.history)

    def note(self, gan: GAN, result: dict) -> None:
        """Add a score to the history."""
        now = {"nimg": gan.nimg, "kimg": gan.nimg / 1000, "hours": gan.train_seconds / 3600}
        self.history[gan.nimg] = now | {"metrics": result["metrics"]}

    def score(self, gan: GAN, data: L.LightningDataModule, extras: bool = True) -> dict:
        """Metrics, absent metrics and conditions of `gan` against `data`, printed in one line; a collective."""
        started = time.perf_counter()
        built, missing = self._extractors()
        modes = {module: module.training for module in gan.modules()}
        options = self.options if extras else self.options | {"extras": self.every_extras}
        try:
            with isolate_rng(), gan.off_the_clock(), threads(self.threads):
                seed = options["seed"]
                result = over_seeds(
                    lambda s: evaluate(gan, data, built, **options | {"seed": s}), seed, self.n_seeds
                )
                for name, value in gan.own_metrics(data).items():
                    result["absent" if isinstance(value, str) else "metrics"][name] = value
                result = set_apart(result)
        finally:
            for module, training in modes.items():
                module.training = training
        for name, reason in missing.items():
            result["absent"] |= dict.fromkeys(headline_names(name), reason)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in result["metrics"].items())
        seconds = time.perf_counter() - started
        if gan.global_rank == 0:
            print(f"evaluated at {gan.nimg / 1000:g} kimg in {seconds:.0f} s: {shown or 'no metric'}", flush=True)
        return result

    def write(
        self,
        gan: GAN,
        data: L.LightningDataModule,
        result: dict,
        software: dict | None = None,
        token: str | None = None,
    ) -> dict:
        """The results row of `score`'s result, written and returned; `software` is the present one's by default.

        A `token` is of a row that is written once.
        """
        training = gan.conditions | {
            "nimg": gan.nimg,
            "batch_size": gan.images_per_step,
            "steps": gan.steps,
            "hours": gan.train_seconds / 3600,
        }
        config = self.config or {"model": {k: v for k, v in gan.hparams.items() if not k.startswith("_")}}
        paper = self.paper or type(gan).__name__.lower()
        row = make_row(paper, self.recipe, data, result, training, config, software)
        if gan.chosen:
            row["conditions"] = row["conditions"] | {"chosen": gan.chosen}
        row |= {name: gan.origin[name] for name in ("imported", "ancestor") if name in gan.origin}
        history = [one | {"metrics": finite(one["metrics"])} for _, one in sorted(self.history.items())]
        row |= {"run": self.run, "history": history}  # what an older checkpoint kept may hold a NaN
        try:
            draw = partial(self._draw, gan, data, row) if self.grid else None
            path = write_row(row, self.results_dir, draw, token)
        except OSError as error:  # a full disk must not look like a failed training
            print(f"the results row was not written ({error}); it is:\n{json.dumps(row)}")
        else:
            print(f"results row: {path}")
        return row

    def _draw(self, gan: GAN, data: L.LightningDataModule, row: dict, path: Path) -> None:
        """Uncurated samples from the first evaluated latents as one picture; the paper's own, and the nearest
        training images, beside it.

        With classes, a row for each of the first ten: the latents are those of the score, the labels are not.
        """
        p, seed = self.protocol, self.options["seed"]
        with gan.prepared(p.truncation, p.ema, seed):
            images, columns = sample_grid(gan, self.grid, seed, p.truncation, p.ema, self.options["batch_size"])
            beside = path.with_name(nearest_of(path.name))
            row["nearest"] = save_nearest(gan, data, self._extractors()[0], row["conditions"], beside)
        save_grid(images.nan_to_num(), path, columns)
        save_own_pictures(gan, data, path)
