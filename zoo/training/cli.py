"""The command line of every reproduction: `train(SNGAN, ImageNet, recipe=...)`.

python reproductions/sngan.py                                            the paper's recipe
python reproductions/sngan.py --config reproductions/sngan/tiny.yaml     another recipe over it
python reproductions/sngan.py ... --model.lr 1e-4 --trainer.devices 8    anything over that
python reproductions/sngan.py ... --ckpt_path last                       go on where the last run stopped
"""

import importlib
import inspect
import logging
import os
import re
import secrets
import signal
import sys
import warnings
from dataclasses import dataclass
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
from zoo.training.evaluate import Evaluate
from zoo.training.mistakes import Sentences, sentence
from zoo.training.samples import Samples

TRAINER = {
    "max_steps": -1,  # training ends at model.total_kimg
    "max_epochs": -1,
    "num_sanity_val_steps": 0,
    "reload_dataloaders_every_n_epochs": 1,  # an epoch is a stage of a growing model; for the others it never ends
    "use_distributed_sampler": False,
    "enable_model_summary": False,
}


@dataclass(frozen=True)
class Run:
    """Where a run writes and what it was asked for."""

    paper: str
    recipe: str
    folder: Path
    config: dict


def compose(recipe: str | Path | None, args: list[str]) -> tuple[dict, list[str], str]:
    """The default recipe and every --config over it, in the order written, as one configuration.

    Sections merge key by key, but another data set's `class_path` replaces the data section as a whole, and so does
    `--data NAME`: nothing of one data set's settings may reach another. Options beside --config always win.

    Returns:
        the configuration, the arguments that are left, and the name of the last recipe.

    Raises:
        FileNotFoundError, ValueError: for a file that is missing or no mapping.
    """
    files, rest, words = [Path(recipe)] if recipe else [], [], iter(args)
    for word in words:
        if word in ("--config", "-c"):
            files.append(Path(next(words, "")))
        elif word.startswith("--config="):
            files.append(Path(word.removeprefix("--config=")))
        else:
            rest.append(word)
    merged: dict = {}
    for file in files:
        if not file.is_file():
            known = ", ".join(sorted(p.stem for p in Path(recipe).parent.glob("*.yaml"))) if recipe else ""
            raise FileNotFoundError(
                f"no recipe at {file}" + (f"; beside {recipe} there are {known}" if known else "")
            )
        try:
            part = yaml.safe_load(file.read_text()) or {}
            merged = merged | {k: merge(merged.get(k), v) for k, v in part.items()}
        except yaml.YAMLError as error:
            raise ValueError(f"{file} is not YAML: {error}") from error
        except AttributeError as error:
            raise ValueError(f"{file} is not a recipe: its sections are model, data and so on") from error
    if names_data(rest):
        merged.pop("data", None)
    options = {word.partition("=")[0].removeprefix("--data.").removeprefix("init_args.") for word in rest}
    options |= set((merged.get("data") or {}).get("init_args") or {})
    for name in sorted(options & {"resolution", "batch_size"}):
        raise ValueError(f"data.{name} is the model's to say: give --model.{name} instead")
    return merged, rest, files[-1].stem if files else "defaults"


def names_data(args: list[str]) -> bool:
    """Whether the arguments choose a data set, and do not only set options of one."""
    return any(word == "--data" or word.startswith("--data=") for word in args)


def merge(old: object, new: object) -> object:
    """`new` over `old`, key by key where both are mappings of the same class."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    if new.get("class_path", old.get("class_path")) != old.get("class_path"):
        return new
    return {**old, **{k: merge(old.get(k), v) for k, v in new.items()}}


def new_folder(base: Path) -> Path:
    """Create `base`, or `base` with the first free number behind it, atomically: no two runs share a folder."""
    base.parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1_000_000):
        folder = base.with_name(f"{base.name}-{number:03d}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue
    raise FileExistsError(f"no free number for {base}")


def last_checkpoint(base: Path) -> Path | None:
    """The newest `last.ckpt` among the runs of one recipe."""
    run = re.compile(re.escape(base.name) + r"-\d+")  # runs of cifar10, not those of cifar10-cnn
    found = (p for p in base.parent.glob("*/checkpoints/last.ckpt") if run.fullmatch(p.parents[1].name))
    return max(found, key=lambda p: p.stat().st_mtime, default=None)


def strategy_for(trainer: dict) -> str:
    """DDP that tolerates parameters without gradients (G while D trains) when there is more than one process."""
    devices = trainer.get("devices", "auto")
    if devices in ("auto", -1, "-1"):
        several = trainer.get("accelerator", "auto") in ("auto", "gpu", "cuda") and torch.cuda.device_count() > 1
    elif isinstance(devices, str) and "," not in devices:
        if not devices.isdigit():
            raise ValueError(f"--trainer.devices takes a number, or a list of devices such as 0,1, not {devices}")
        several = int(devices) > 1
    else:
        several = devices > 1 if isinstance(devices, int) else len(str(devices).strip(",").split(",")) > 1
    several = several or int(trainer.get("num_nodes") or 1) > 1
    return "ddp_find_unused_parameters_true" if several else "auto"


def run_id(folder: Path) -> str:
    """The run's own name among all runs, the same after a resume: kept in its folder, given by its first start."""
    file = folder / "run_id"
    if not file.is_file():
        file.write_text(secrets.token_hex(4))
    return file.read_text().strip()


def loggers(run: Run, use_wandb: bool, data: ImageDataModule) -> list:
    """CSV always; W&B online when the user is logged in, offline otherwise, with a line that says how to sync.

    A resumed run goes on in its W&B run. Runs are grouped by paper and data set, and tagged with both, the recipe
    and the resolution."""
    found = [L.loggers.CSVLogger(run.folder, name="csv")]
    if use_wandb and os.environ.get("WANDB_MODE") != "disabled":
        try:
            import wandb
        except ImportError as error:
            raise ValueError("W&B is not installed: pip install wandb, or go without by --wandb false") from error

        os.environ.setdefault("WANDB_SILENT", "true")
        offline = os.environ.get("WANDB_MODE") in ("offline", "dryrun") or not wandb.login(prompt=False)
        logger = L.loggers.WandbLogger(
            project="gan-zoo",
            id=run_id(run.folder),
            resume="allow",
            group=f"{run.paper} / {data.name}",
            tags=[run.paper, data.name[:64], run.recipe[:64], f"{data.resolution}px"],
            name=run.folder.name,
            save_dir=run.folder,
            offline=offline,
            mode="offline" if offline else "online",  # offline=True alone comes too late after login()
        )
        logger.experiment.define_metric("kimg")
        logger.experiment.define_metric("*", step_metric="kimg")
        logger.experiment.config.update(run.config, allow_val_change=True)
        if offline:
            print(f"W&B logs offline (not logged in); sync later with: wandb sync {run.folder}/wandb/offline-run-*")
        found.append(logger)
    return found


def check_resume(path: Path, model: GAN) -> None:
    """Refuse what cannot be gone on with, before anything starts.

    Only lengths in kimg may change on the way: an optimizer brings its own settings back from the checkpoint, so a
    changed beta would be told in the results but never used.

    Raises:
        FileNotFoundError, ValueError: if there is no such file, it is damaged, the run has already ended, or the
            command changes its settings.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; --ckpt_path takes 'last' or a file")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        old, nimg = checkpoint["zoo"], checkpoint["state_dict"]["_extra_state"]["nimg"]
    except Exception as error:
        raise ValueError(f"{path} is not a checkpoint of this project, or it is damaged: take another") from error
    if nimg >= model.total_kimg * 1000:
        raise ValueError(
            f"{path} has already reached {nimg / 1000:g} kimg; score it with `zoo evaluate {path}`, raise "
            "--model.total_kimg to train on, or leave out --ckpt_path for a new run"
        )
    if old["paper"] != type(model).__name__.lower():
        raise ValueError(f"{path} is a checkpoint of {old['paper']}, not of {type(model).__name__}")
    changed = {
        k: f"{k} {v} -> {model.hparams[k]}" for k, v in old["hparams"].items() if model.hparams.get(k, v) != v
    }
    free = [name for name in changed if name.endswith("_kimg") and name not in model.fixed_kimg]
    if refused := [text for name, text in changed.items() if name not in free]:
        raise ValueError(
            f"{path} cannot go on with {', '.join(refused)}: give the run's own settings, or leave out --ckpt_path"
        )
    if changed:
        print(f"resuming with {', '.join(changed.values())}")


def data_of(config: dict) -> ImageDataModule:
    """The data module that a run's config.yaml describes."""
    module, _, name = config["data"]["class_path"].rpartition(".")
    options = dict(config["data"].get("init_args") or {}) | {"resolution": config["model"]["resolution"]}
    return getattr(importlib.import_module(module or "zoo.data"), name)(**options)


class ZooParser(Sentences, LightningArgumentParser):
    """LightningCLI's parser, which ends with a sentence."""


class ZooCLI(LightningCLI):
    """LightningCLI with the zoo's callbacks and with resolution and batch size told once, to the model."""

    def __init__(self, *args, recipe: str, **kwargs) -> None:
        self.recipe = recipe
        super().__init__(*args, **kwargs)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--ckpt_path",
            type=str | None,
            default=None,
            help="'last' goes on in the newest run of this recipe, a path starts a new run from that checkpoint",
        )
        parser.add_argument(
            "--run_dir",
            type=str | None,
            default=None,
            help="folder of the run (default: runs/<paper>/<recipe>-<number>)",
        )
        parser.add_argument(
            "--threads", type=int | None, default=None, help="CPU threads of PyTorch (default: PyTorch's choice)"
        )
        parser.add_argument("--wandb", type=bool, default=True, help="log to Weights & Biases beside CSV")
        parser.add_lightning_class_args(Checkpoints, "checkpoints")  # first: nothing may come before saving
        parser.add_lightning_class_args(Samples, "samples")
        parser.add_lightning_class_args(Evaluate, "evaluation")
        parser.link_arguments("model.resolution", "data.init_args.resolution")
        parser.link_arguments("model.images_per_step", "data.init_args.batch_size", apply_on="instantiate")

    def instantiate_trainer(self) -> L.Trainer:
        """Check the data, choose the run's folder, then build the trainer around it."""
        if self.config.trainer.log_every_n_steps == 0:
            raise ValueError("--trainer.log_every_n_steps must be at least 1")
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        paper, recipe = type(self.model).__name__.lower(), self.recipe
        base = Path(self.config.run_dir) if self.config.run_dir else Path("runs", paper, recipe)
        self.ckpt_path = None
        if self.config.ckpt_path == "last":
            # rank 0 looks once for all: another run may write a checkpoint in between
            known = os.environ.get("ZOO_LAST_CHECKPOINT") if rank_zero_only.rank else None
            self.ckpt_path = last_checkpoint(base) if known is None else Path(known) if known else None
            os.environ["ZOO_LAST_CHECKPOINT"] = str(self.ckpt_path or "")
            if self.ckpt_path is None and rank_zero_only.rank == 0:
                print(f"no checkpoint under {base}-* yet: starting from scratch")
        elif self.config.ckpt_path:
            self.ckpt_path = Path(self.config.ckpt_path)
        self.datamodule.enter(self.model.stage)
        if rank_zero_only.rank == 0:
            if self.ckpt_path:
                check_resume(self.ckpt_path, self.model)
            self.datamodule.prepare_data()
            self.datamodule.setup("fit")

        if "ZOO_RUN_DIR" in os.environ and rank_zero_only.rank > 0:  # set by rank 0 for the processes it starts
            folder = Path(os.environ["ZOO_RUN_DIR"])
        elif rank_zero_only.rank > 0:
            folder = base
        elif self.config.ckpt_path == "last" and self.ckpt_path:
            folder = self.ckpt_path.parents[1]
        else:
            folder = new_folder(base)
        config = yaml.safe_load(self.parser.dump(self.config, skip_none=False))
        config["evaluation"]["recipe"] = recipe  # the folder may have another name
        self.run = Run(paper, recipe, folder, config)
        trainer = self.config_init.trainer
        own = {"default_root_dir": str(folder), "enable_checkpointing": False, "enable_progress_bar": False}
        if trainer.strategy == "auto":
            own["strategy"] = strategy_for(trainer)
        if trainer.precision in (None, "32-true", "32", 32):
            torch.backends.cudnn.allow_tf32 = False  # the papers' float32; PyTorch's default convolves in TF32
        own["logger"] = False
        if rank_zero_only.rank == 0:
            os.environ["ZOO_RUN_DIR"] = str(folder)
            (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
            own["logger"] = loggers(self.run, self.config.wandb, self.datamodule)
            sizes = [sum(p.numel() for p in net.parameters()) / 1e6 for net in (self.model.G, self.model.D)]
            first, last = self.model.stage.resolution, self.model.resolution
            sides = f"{last} px" if first == last else f"{first} to {last} px"
            print(
                f"{paper} / {recipe}: G {sizes[0]:.2f} M, D {sizes[1]:.2f} M parameters; {self.datamodule.name}, "
                f"{len(self.datamodule):,} images at {sides}; run folder {folder}"
            )
        self.stop = Stop()
        self.config_init.trainer.callbacks = [*(trainer.callbacks or []), Progress(), self.stop]
        self.config_init.evaluation.recipe = recipe
        self.config_init.evaluation.config = {"model": config["model"], "data": config["data"]}
        if rank_zero_only.rank == 0:
            self.config_init.evaluation.run = run_id(folder)
        return super().instantiate_trainer(**own)


def fail(error: Exception) -> None:
    """One sentence to the user, without a traceback unless ZOO_TRACEBACK is set."""
    if os.environ.get("ZOO_TRACEBACK"):
        raise error
    print(f"error: {sentence(error)}", file=sys.stderr)
    raise SystemExit(2) from error


def tell_stop(cli: ZooCLI, reason: str) -> None:
    """Say where a run that can be gone on with was stopped."""
    if cli.trainer.is_global_zero:
        last = cli.run.folder / "checkpoints" / "last.ckpt"
        saved = f"saved {last}" if cli.config_init.checkpoints.saved_at == cli.model.nimg else "but could not save"
        print(f"stopped by {reason} at {cli.model.nimg / 1000:.1f} kimg, {saved}")
        print("go on with: the same command and --ckpt_path last")


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
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*|.*LightningCLI's args parameter.*")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    cli = None
    try:
        config, given, name = compose(recipe, sys.argv[1:] if args is None else list(args))
        if "data" not in config and not names_data(given):
            config["data"] = {"class_path": f"{data.__module__}.{data.__qualname__}"}
        cli = ZooCLI(
            model,
            ImageDataModule,
            subclass_mode_data=True,
            save_config_callback=None,
            seed_everything_default=0,
            trainer_defaults=TRAINER,
            auto_configure_optimizers=False,
            run=False,
            args=["--config", yaml.safe_dump(config), *given] if config else given,
            parser_class=ZooParser,
            parser_kwargs={"description": f"{model.__name__}: {inspect.getdoc(model).splitlines()[0]}"},
            recipe=name,
        )
        cli.trainer.fit(cli.model, datamodule=cli.datamodule, ckpt_path=cli.ckpt_path and str(cli.ckpt_path))
    except Diverged as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from error
    except MisconfigurationException as error:
        fail(ValueError(f"the options under --trainer do not fit this machine or each other: {error}"))
    except (ValueError, OSError, ImportError) as error:
        if cli is not None and cli.model.started:
            if not isinstance(error, BadImage):
                raise
            tell_stop(cli, "a damaged image")
        fail(error)
    except RuntimeError as error:
        if cli is None or cli.model.started or "loading state_dict" not in str(error):
            raise
        fail(ValueError(f"the networks of {cli.ckpt_path} are not those of this version of the code ({error})"))
    if cli.stop.interrupted:
        tell_stop(cli, cli.stop.signal or "a signal to another process")
        raise SystemExit(128 + signal.Signals[cli.stop.signal or "SIGTERM"])
    return cli
