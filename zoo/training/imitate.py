"""The command line of imitation learning: `train(VAIL, recipe=...)`.

python reproductions/vail.py                                                 the default recipe
python reproductions/vail.py --config reproductions/vail/tiny.yaml           another recipe over it
python reproductions/vail.py ... --model.lr 1e-4 --seed_everything 1         anything over that
python reproductions/vail.py ... --ckpt_path last                            go on where the last run stopped
"""

import inspect
import itertools
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import lightning.pytorch as L
import torch
import yaml
from jsonargparse import Namespace
from torch.utils.data import DataLoader, IterableDataset

from zoo.engine.checkpoints import Checkpoints
from zoo.engine.failures import Diverged
from zoo.engine.progress import Progress
from zoo.engine.stop import Stop
from zoo.imitation.base import Imitation
from zoo.leaderboard.imitation import FOLDER
from zoo.leaderboard.naming import token_of, written
from zoo.leaderboard.rows import check_writable
from zoo.options.ranges import NonNegativeFloat, PositiveInt, Processes, Seed
from zoo.training import cluster
from zoo.training.arguments import add_requeue_signal
from zoo.training.changes import check_resume, computed, fits
from zoo.training.checks import TRAINER, check_disk, check_folder
from zoo.training.ends import leave, tell_stop, watched
from zoo.training.history import Rewind
from zoo.training.loading import read
from zoo.training.lock import locked
from zoo.training.loggers import loggers
from zoo.training.mistakes import Parser, refuse
from zoo.training.recipes import compose
from zoo.training.returns import Returns
from zoo.training.run import Run, begin_in, last_checkpoint, new_folder, run_id, unbegun


class Iterations(IterableDataset):
    """0, 1, 2, ...: an iteration makes its own data."""

    def __iter__(self) -> Iterator[int]:
        return itertools.count()


def parser_of(model: type[Imitation]) -> Parser:
    parser = Parser(description=f"{model.__name__}: {inspect.getdoc(model).splitlines()[0]}")
    parser.add_argument("--config", action="config", help="a recipe over the default one, or several in turn")
    parser.add_argument(
        "--seed_everything", type=Seed, default=0, help="of weights, actions, starts and minibatches"
    )
    parser.add_argument(
        "--threads", type=Processes, default=1, help="CPU threads: more cost such small networks time"
    )
    parser.add_argument("--log_every", type=PositiveInt, default=1, help="iterations between two rows of the logs")
    parser.add_argument("--ckpt_path", type=str | None, default=None, help="'last', or a file for a new run")
    parser.add_argument("--init_from", type=str | None, default=None, help="of image models alone")
    parser.add_argument(
        "--run_dir", type=str | None, default=None, help="without its number; default: runs/<algorithm>/<recipe>"
    )
    add_requeue_signal(parser)
    parser.add_argument("--wandb", type=bool, default=True, help="log to Weights & Biases beside CSV")
    parser.add_class_arguments(model, "model")
    parser.add_argument(
        "--checkpoints.every_ksteps", type=NonNegativeFloat, default=200, help="0 leaves only the one at the end"
    )
    parser.add_argument(
        "--checkpoints.keep", type=PositiveInt, default=2, help="numbered checkpoints beside last.ckpt"
    )
    parser.add_argument(
        "--evaluation.episodes", type=PositiveInt, default=50, help="of each policy in the results row"
    )
    parser.add_argument("--evaluation.results_dir", type=str | None, default="results", help="null for no row")
    return parser


def begin(
    config: Namespace, plain: dict, recipe: str, model: Imitation, held: ExitStack
) -> tuple[Run, Path | None]:
    """The run's folder and the checkpoint to go on from, when all that can be checked is in order."""
    if config.evaluation.results_dir is not None:
        check_writable(Path(config.evaluation.results_dir))
    model.read_demonstrations()
    name = type(model).__name__.lower()
    base = cluster.base_of(config.run_dir, name, recipe)
    ckpt = Path(config.ckpt_path) if config.ckpt_path else None
    own = last_checkpoint(base, plain) if config.ckpt_path in (None, "last") else None
    if cluster.of_this_job(own, plain):
        if not over(config, own, model):
            config.ckpt_path = "last"
        else:
            cluster.pass_by(own)
    if config.ckpt_path == "last":
        ckpt = last_checkpoint(base, plain, partial(fits, model=model, now=computed(model)))
        if ckpt is None:
            print(f"no checkpoint under {base}-* yet: starting from scratch")
    if ckpt:
        check_resume(ckpt, model, computed(model), partial(owed, config, ckpt))
    last = config.ckpt_path == "last"
    own = ckpt.parents[1] if ckpt and last else None
    check_disk(model, config.checkpoints.keep, check_folder("--run_dir", base.parent), own)
    folder = own or (unbegun(base) if last or cluster.job() else None) or new_folder(base)
    held.enter_context(locked(folder))
    begin_in(folder, plain)
    return Run(name, recipe, folder, plain), ckpt


def over(config: Namespace, ckpt: Path, model: Imitation) -> bool:
    """Whether nothing is left to do for the run of a checkpoint."""
    nimg = read(ckpt)["state_dict"]["_extra_state"]["nimg"]
    as_last = Namespace(ckpt_path="last", evaluation=config.evaluation)
    return nimg >= model.total_kimg * 1000 and not owed(as_last, ckpt, model, nimg)


def owed(config: Namespace, ckpt: Path, model: Imitation, nimg: int) -> bool:
    """Whether a run that has ended at `nimg` lacks its row."""
    results = config.evaluation.results_dir
    if config.ckpt_path != "last" or results is None:  # a file may lie anywhere, and is no run's
        return False
    return written(results, FOLDER, token_of(run_id(ckpt.parents[1]), nimg)) is None


def train(model: type[Imitation], recipe: str | Path | None = None, args: list[str] | None = None) -> Imitation:
    """Parse the command line over `recipe`, train, and write checkpoints, logs and a results row.

    Args:
        model: the algorithm.
        recipe: YAML that is read first.
        args: arguments to use instead of the command line's, for calls from Python.

    Returns:
        the trained algorithm, with its policy, its reward and its `trainer`.

    Raises:
        SystemExit: 2 with one sentence for anything the user can mend, 1 if training has diverged,
            130 or 143 after Ctrl-C or SIGTERM (a checkpoint is saved first).
    """
    with watched() as (stop, held):
        return _train(model, recipe, args, stop, held)


def _train(
    model: type[Imitation], recipe: str | Path | None, args: list[str] | None, stop: Stop, held: ExitStack
) -> Imitation:
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    built = None
    try:
        merged, given, name = compose(recipe, sys.argv[1:] if args is None else list(args), model)
        parser = parser_of(model)
        config = parser.parse_args(["--config", yaml.safe_dump(merged), *given] if merged else given)
        if config.pop("init_from") is not None:
            raise ValueError(
                "--init_from takes the weights of image models; imitation begins with its demonstrations: leave it "
                "out, or go on with a run of the same settings by --ckpt_path"
            )
        stop.requeue = config.requeue_signal
        stop.listen()
        torch.set_num_threads(config.threads)
        L.seed_everything(config.seed_everything, verbose=False)
        built = model(**config.model.as_dict())
        plain = yaml.safe_load(parser.dump(config, skip_none=False))
        run, ckpt = begin(config, plain, name, built, held)
        about = f"{built.method}, {built.hparams.env}"
        print(f"{run.paper} / {name}: {about}, {len(built.demos.obs)} demonstrations; run folder {run.folder}")
        saving = Checkpoints(config.checkpoints.every_ksteps, config.checkpoints.keep)
        told = Returns(config.evaluation.episodes, config.evaluation.results_dir, run, run_id(run.folder))
        trainer = L.Trainer(
            **TRAINER,
            accelerator="cpu",
            devices=1,
            default_root_dir=str(run.folder),
            enable_checkpointing=False,
            enable_progress_bar=False,
            log_every_n_steps=config.log_every,
            logger=loggers(run, config.wandb, built.hparams.env, (built.method,), built.unit),
            callbacks=[Rewind(), Progress(), stop, saving, told],
        )
        loader = DataLoader(Iterations(), batch_size=None)
        trainer.fit(built, loader, ckpt_path=ckpt and str(ckpt), weights_only=True)
    except Diverged as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from error
    except Exception as error:
        if built is not None and built.started:
            raise
        refuse(error)
    if stop.interrupted:
        tell_stop(trainer, stop.signal)
        leave(stop, held)
    return built
