"""The command line of every reproduction: `train(SNGAN, ImageNet, recipe=...)`.

python reproductions/sngan.py                                            the paper's recipe
python reproductions/sngan.py --config reproductions/sngan/tiny.yaml     another recipe over it
python reproductions/sngan.py ... --model.lr 1e-4 --trainer.devices 8    anything over that
python reproductions/sngan.py ... --ckpt_path last                       go on where the last run stopped
"""

import atexit
import inspect
import logging
import os
import sys
import warnings
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import lightning.pytorch as L
import torch
import yaml
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from zoo.data import BadImage, ImageDataModule
from zoo.engine.checkpoints import Checkpoints
from zoo.engine.failures import Diverged
from zoo.engine.gan import GAN
from zoo.engine.progress import Progress
from zoo.engine.stop import Stop
from zoo.training import cluster, devices, precision
from zoo.training.ancestry import begin_from, names_of
from zoo.training.arguments import add_run_arguments
from zoo.training.changes import check_resume, computed, fits
from zoo.training.checks import (
    TRAINER,
    check_machine,
    check_run,
    check_trainer,
    check_ways,
    on_trial,
)
from zoo.training.ends import leave, part, tell_early, tell_stop, watched
from zoo.training.evaluate import Evaluate
from zoo.training.history import Rewind
from zoo.training.loading import read
from zoo.training.lock import locked
from zoo.training.loggers import beside, loggers
from zoo.training.mistakes import Sentences, refuse
from zoo.training.recipes import compose, names_data
from zoo.training.run import Run, about, begin_in, last_checkpoint, new_folder, run_id, unbegun
from zoo.training.samples import Samples


class ZooParser(Sentences, LightningArgumentParser):
    """LightningCLI's parser, which ends with a sentence."""


class ZooCLI(LightningCLI):
    """LightningCLI with the zoo's callbacks and with resolution and batch size told once, to the model."""

    def __init__(self, *args, among: list[Path], stop: Stop, held: ExitStack, **kwargs) -> None:
        self.among, self.stop, self.held = among, stop, held
        super().__init__(*args, **kwargs)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        add_run_arguments(parser)
        parser.add_lightning_class_args(Checkpoints, "checkpoints")  # first: nothing may come before saving
        parser.add_lightning_class_args(Samples, "samples")
        parser.add_lightning_class_args(Evaluate, "evaluation")
        parser.link_arguments("model.resolution", "data.init_args.resolution")
        parser.link_arguments("model.images_per_step", "data.init_args.batch_size", apply_on="instantiate")

    def instantiate_trainer(self) -> L.Trainer:
        """Check the data, choose the run's folder, then build the trainer around it."""
        check_trainer(self.config.trainer)
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        self.stop.requeue = self.config.requeue_signal
        self.stop.listen()
        for options in (self.config.trainer, self.config_init.trainer):
            cluster.fill_in(options)
        try:
            decided = cluster.told()
            trainer = self.prepare(decided)
            own = {"ckpt_path": self.ckpt_path and str(self.ckpt_path), "folder": str(self.run.folder)}
            cluster.tell(own | {"half": self.config.trainer.precision == "bf16-mixed"})
        except BaseException as error:
            cluster.tell({} if isinstance(error, SystemExit) and error.code == 0 else None)
            raise
        return trainer

    def prepare(self, decided: dict | None) -> L.Trainer:
        """As `instantiate_trainer`; `decided` is what rank 0 says, if it has not started this process."""
        paper = type(self.model).__name__.lower()
        self.recipe = self.config.evaluation.recipe
        base = self.base_of(self.recipe)
        config = yaml.safe_load(self.parser.dump(self.config, skip_none=False))
        devices.check_devices(self.config.trainer)
        self.model.half_penalties = precision.check_half(self.config, self.model)
        self.model.compiled, self.model.checkpoint_activations = check_ways(self.config, self.model)
        self.spread = devices.about_spread(self.model, devices.processes(self.config.trainer))
        self.datamodule.enter(self.model.stage)
        now = precision.asked(self.config, computed(self.model, self.datamodule, self.config.trainer))
        given = self.resumed(base, config, now) if decided is None else decided["ckpt_path"]
        self.ckpt_path = Path(given) if given else None
        now |= precision.settle(self.config, self.config_init, self.ckpt_path, decided)
        names = names_of(self.datamodule) if self.model.n_classes and rank_zero_only.rank == 0 else ()
        self.model.origin |= {"computed": now, "class_names": list(names)}
        if rank_zero_only.rank == 0:
            if self.ckpt_path:
                check_resume(self.ckpt_path, self.model, now, self.owed)
            elif self.config.init_from:
                for line in begin_from(Path(self.config.init_from), self.model, names):
                    print(f"from {self.config.init_from}: {line}")
            self.datamodule.prepare_data()
            self.datamodule.setup("fit")
            own = self.ckpt_path.parents[1] if self.last and self.ckpt_path else None
            check_run(self.model, self.datamodule, self.config_init, self.ckpt_path, base, own)
        trial = on_trial(self.config.trainer)
        check_machine(self.config.trainer, lambda: super(ZooCLI, self).instantiate_trainer(**trial))

        if "ancestor" in self.model.origin:
            config["ancestor"] = self.model.origin["ancestor"]
        folder = self.folder_of(base) if decided is None else Path(decided["folder"])
        self.run = Run(paper, self.recipe, folder, config)
        trainer = self.config_init.trainer
        own = {
            "default_root_dir": str(self.run.folder),
            "enable_checkpointing": False,
            "enable_progress_bar": False,
        }
        if plugins := cluster.environment():
            own["plugins"] = [*(trainer.plugins or []), *plugins]
        if trainer.strategy == "auto":
            own["strategy"] = devices.strategy_for(trainer)
        if trainer.precision in (None, "32-true", "32", 32):
            torch.backends.cudnn.allow_tf32 = False  # the papers' float32; PyTorch's default convolves in TF32
        own["logger"] = self.begin(trainer.logger) if rank_zero_only.rank == 0 else False
        self.config_init.trainer.callbacks = [Rewind(), *(trainer.callbacks or []), Progress(), self.stop]
        self.config_init.evaluation.config = {"model": config["model"], "data": config["data"]}
        if rank_zero_only.rank == 0:
            self.config_init.evaluation.run = run_id(self.run.folder)
        return super().instantiate_trainer(**own)

    def base_of(self, recipe: str) -> Path:
        """What the folder of a run by a recipe is called, but for its number."""
        return cluster.base_of(self.config.run_dir, type(self.model).__name__.lower(), recipe)

    def resumed(self, base: Path, config: dict, now: dict) -> Path | None:
        """The checkpoint to go on from; rank 0 looks for the last one once for all, since another run may write one
        in between. A job that was put back in the queue goes on with its own.

        Args:
            config: what this command asks for.
            now: what `computed` says of it.

        Raises:
            ValueError: for a file beside `--init_from`, and as `check_choice`.
        """
        if self.config.init_from and self.config.ckpt_path not in (None, "last"):
            raise ValueError("--ckpt_path goes on with a run and --init_from begins one: give one of them")
        self.last = self.config.ckpt_path == "last"
        if rank_zero_only.rank == 0 and (self.last or (cluster.job() and not self.config.ckpt_path)):
            devices.check_choice(self.recipe, self.among, self.base_of)
        fitting = partial(fits, model=self.model, now=now)
        if self.config.ckpt_path in (None, "last") and cluster.job():
            own, asked = last_checkpoint(base, config), self.last
            self.last = cluster.of_this_job(own, config)
            if self.last and self.over(own):
                cluster.pass_by(own)
                self.last = False
            self.last = self.last or asked
        if not self.last:
            return Path(self.config.ckpt_path) if self.config.ckpt_path else None
        known = os.environ.get("ZOO_LAST_CHECKPOINT") if rank_zero_only.rank else None
        found = last_checkpoint(base, config, fitting) if known is None else Path(known) if known else None
        os.environ["ZOO_LAST_CHECKPOINT"] = str(found or "")
        if found is None and rank_zero_only.rank == 0:
            print(f"no checkpoint under {base}-* yet: starting from scratch")
        return found

    def owed(self, model: GAN, nimg: int) -> bool:
        """Whether a run that has ended at `nimg` lacks the row that it would write."""
        evaluation = self.config_init.evaluation
        if not self.last or evaluation.results_dir is None:
            return False
        evaluation.run = run_id(self.ckpt_path.parents[1])
        return not evaluation.settled(model, nimg)

    def over(self, checkpoint: Path) -> bool:
        """Whether nothing is left to do for the run of a checkpoint."""
        self.ckpt_path = checkpoint
        nimg = read(checkpoint)["state_dict"]["_extra_state"]["nimg"]
        return nimg >= self.model.total_kimg * 1000 and not self.owed(self.model, nimg)

    def folder_of(self, base: Path) -> Path:
        """The run's folder, made by rank 0, which tells the processes it starts."""
        if rank_zero_only.rank > 0:
            return Path(os.environ.get("ZOO_RUN_DIR", base))
        if self.last and self.ckpt_path:
            return self.ckpt_path.parents[1]
        return (unbegun(base) if self.last or cluster.job() else None) or new_folder(base)

    def begin(self, given: object) -> list:
        """Write down what was asked for, and say what begins; the loggers, ours and those `given`."""
        folder, model, data = self.run.folder, self.model, self.datamodule
        self.held.enter_context(locked(folder))
        os.environ["ZOO_RUN_DIR"] = str(folder)
        begin_in(folder, self.run.config)
        found = loggers(self.run, self.config.wandb, data.name, (f"{data.resolution}px",))
        print(f"{self.run.paper} / {self.recipe}: {about(model, data)}; run folder {folder}")
        if self.spread:
            print(self.spread)
        return beside(found, given, self.run.config)


def train(
    model: type[GAN], data: type[ImageDataModule], recipe: str | Path | None = None, args: ArgsType = None
) -> ZooCLI:
    """Parse the command line over `recipe`, train, and write checkpoints, samples, logs and a results row.

    Args:
        model: the paper's LightningModule.
        data: its default data module; `--data NAME` or a recipe may choose another one.
        recipe: YAML that is read first, normally the paper's.
        args: arguments to use instead of the command line's, for calls from Python.

    Returns:
        the finished command line, with `.model`, `.datamodule`, `.trainer` and `.run`.

    Raises:
        SystemExit: 2 with one sentence for anything the user can mend, 1 if training has diverged,
            130 or 143 after Ctrl-C or SIGTERM (a checkpoint is saved first).
    """
    with watched() as (stop, held):
        return _train(model, data, recipe, args, stop, held)


def _train(
    model: type[GAN],
    data: type[ImageDataModule],
    recipe: str | Path | None,
    args: ArgsType,
    stop: Stop,
    held: ExitStack,
) -> ZooCLI:
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*|.*LightningCLI's args parameter.*")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    cli = None
    try:
        args = sys.argv[1:] if args is None else list(args)
        among = devices.choices(Path(recipe), args) if recipe is not None else []
        args = args if recipe is None else devices.with_preset(Path(recipe), args)
        config, given, name = compose(recipe, args, model)
        if not names_data(given):
            usual = {"class_path": f"{data.__module__}.{data.__qualname__}"}
            config["data"] = usual | (config.get("data") or {})
        config["evaluation"] = (config.get("evaluation") or {}) | {"recipe": name}  # an option may say otherwise
        cli = ZooCLI(
            model,
            ImageDataModule,
            subclass_mode_data=True,
            save_config_callback=None,
            seed_everything_default=0,
            trainer_defaults=TRAINER,
            auto_configure_optimizers=False,
            run=False,
            args=["--config", yaml.safe_dump(config), *given],
            parser_class=ZooParser,
            parser_kwargs={"description": f"{model.__name__}: {inspect.getdoc(model).splitlines()[0]}"},
            among=among,
            stop=stop,
            held=held,
        )
        cli.trainer.fit(cli.model, datamodule=cli.datamodule, ckpt_path=cli.ckpt_path and str(cli.ckpt_path))
    except Diverged as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from error
    except MisconfigurationException as error:
        refuse(ValueError(f"the options under --trainer do not fit this machine or each other: {error}"))
    except Exception as error:
        if cli is not None and cli.model.started:
            if not isinstance(error, BadImage | torch.OutOfMemoryError):
                raise
            tell_stop(cli.trainer, "a damaged image" if isinstance(error, BadImage) else "lack of memory")
        refuse(error)
    atexit.register(part)
    if stop.interrupted:
        tell_stop(cli.trainer, stop.signal or "a signal to another process")
        leave(stop, held)
    if not (cli.model.finished or cli.trainer.fast_dev_run):
        tell_early(cli.trainer, cli.config.trainer)
    return cli
