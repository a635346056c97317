"""Checkpoints every so many thousand images, written whole or not at all; numbers gone bad end the training."""

import io
import math
import os
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from zoo.data import BadImage
from zoo.data.whole import replacing, write_whole
from zoo.engine.failures import NotFinite
from zoo.engine.gan import GAN
from zoo.engine.stop import interrupted
from zoo.options.checked import Checked
from zoo.options.ranges import NonNegativeFloat, PositiveInt


def resumed_here(trainer: L.Trainer) -> bool:
    """Whether the run goes on in its own folder: from its last checkpoint, or from its best if there is no last."""
    if not trainer.ckpt_path:
        return False
    folder = Path(trainer.default_root_dir, "checkpoints")
    newest = folder / ("last.ckpt" if (folder / "last.ckpt").exists() else "best.ckpt")
    return Path(trainer.ckpt_path).resolve() == newest.resolve()


class WholeFiles(TorchCheckpointIO):
    """Lightning's checkpoint files, written whole or not at all, without a second file in the system's folder."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Raises OSError if the disk refuses; torch itself would say RuntimeError."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_bytes(buffer.getbuffer())


class Checkpoints(Checked, Callback):
    """Checkpoints every N kimg and whenever training stops; `checkpoints/last.ckpt` is always the newest.

    A file is written beside its final name and renamed, so a full disk or a kill never damages an older one;
    a model with numbers that are not finite is never written.

    Args:
        every_kimg: thousands of images between two checkpoints; 0 leaves only the one at the end.
        keep: how many numbered checkpoints are kept beside `last.ckpt`.
        best_by: a score of the evaluation, such as fd_random: `best.ckpt` is then the evaluated model that had the
            best one, beside the newest. Another score, or other conditions of it, begin anew where a run goes on.
    """

    def __init__(
        self, every_kimg: NonNegativeFloat = 500, keep: PositiveInt = 2, best_by: str | None = None
    ) -> None:
        self.every_kimg, self.keep, self.saved_at = every_kimg, keep, -1
        self.best_by, self.best = best_by, {}

    def state_dict(self) -> dict:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict) -> None:
        self.best = state_dict["best"]

    def setup(self, trainer: L.Trainer, gan: GAN, stage: str) -> None:
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = WholeFiles()

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Where a run goes on in its own folder, what it left behind the point where it stands is made again."""
        folder = Path(trainer.default_root_dir, "checkpoints")
        if resumed_here(trainer):
            last = Path(trainer.ckpt_path).name == "last.ckpt"
            self.saved_at = gan.nimg if last else -1
            if trainer.is_global_zero:
                for later in self.numbered(folder, gan):
                    if float(later.stem.partition("-")[2]) > round(gan.nimg / 1000, 1):
                        later.unlink()
                if last and gan.nimg and (gan.finished or gan.passed(self.every_kimg)):
                    self.number(folder, gan)  # a kill may have come between the two files

    @staticmethod
    def numbered(folder: Path, gan: GAN) -> list[Path]:
        return sorted(folder.glob(f"{gan.unit}-*.ckpt"))

    def number(self, folder: Path, gan: GAN) -> None:
        """Keep `last.ckpt` by its number too, and no more of them than are asked for."""
        name = folder / f"{gan.unit}-{gan.nimg / 1000:09.1f}.ckpt"
        try:
            self.link(folder / "last.ckpt", name)
            for old in self.numbered(folder, gan)[: -max(self.keep, 1)]:
                old.unlink()
        except OSError as error:
            self.complain(gan, error)

    def save(self, trainer: L.Trainer, gan: GAN) -> None:
        """Write `last.ckpt`, and beside it a numbered one unless training is only being interrupted here."""
        if self.saved_at == gan.nimg:
            return
        with gan.off_the_clock():
            between = interrupted(trainer) and not gan.finished and not gan.passed(self.every_kimg)
            file = self.write(trainer, gan, "last.ckpt")
            if file is None:
                return
            self.saved_at = gan.nimg
            if trainer.is_global_zero and not between:
                self.number(file.parent, gan)

    def write(self, trainer: L.Trainer, gan: GAN, name: str) -> Path | None:
        """Write the run as `checkpoints/<name>`, whole or not at all; on every rank its path, or None if the disk
        refused.

        Raises:
            NotFinite: naming the first weight or running statistic that is none that `load` would take.
        """
        file, whole = Path(trainer.default_root_dir, "checkpoints", name), True
        with gan.off_the_clock():
            wrong = next((k for k, v in gan.state_dict().items() if is_broken(v)), None)
            if not trainer.strategy.reduce_boolean_decision(wrong is None):  # statistics may be a rank's own
                raise NotFinite(self.tell(trainer, gan, wrong or "a tensor of another process"))
            try:
                trainer.save_checkpoint(file)
            except OSError as error:  # only the writing rank comes here; the others wait for it
                trainer.strategy.barrier()
                self.complain(gan, error)
                whole = False
            # every rank must know: whoever tries again does so in a collective
            return file if trainer.strategy.broadcast(whole) else None

    @staticmethod
    def complain(gan: GAN, error: OSError) -> None:
        print(
            f"checkpoint at {gan.nimg / 1000:.1f} {gan.unit} not saved whole ({error}); training goes on, older "
            "ones are untouched. Free some space, or set --run_dir to another disk and resume with --ckpt_path",
            file=sys.stderr,
        )

    @staticmethod
    def link(file: Path, name: Path) -> None:
        """Make `name` the same file as `file`, by a hard link where the file system has them."""
        if name.exists() and name.samefile(file):
            return  # and renaming one of a file's names to another would leave both
        try:
            with replacing(name) as part:
                part.unlink(missing_ok=True)  # of an earlier process of this number
                os.link(file, part)
        except OSError:
            write_whole(name, file.read_bytes())

    @staticmethod
    def last_good(trainer: L.Trainer) -> str:
        last = Path(trainer.default_root_dir, "checkpoints", "last.ckpt")
        return f"the last good checkpoint is {last}" if last.exists() else "no checkpoint was written before"

    @classmethod
    def tell(cls, trainer: L.Trainer, gan: GAN, what: str) -> str:
        precise = trainer.precision == "32-true"
        mend = (
            "Lower the learning rate" if precise else "Lower the learning rate or use --trainer.precision 32-true"
        )
        at = f"{gan.nimg / 1000:.1f} {gan.unit}"
        return f"{what} is not finite at {at}, so training stopped; {cls.last_good(trainer)}. {mend}"

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs, batch, batch_idx: int) -> None:
        if gan.steps % trainer.log_every_n_steps == 0:
            scaled = getattr(trainer.precision_plugin, "scaler", None) is not None
            bad = [k for k, v in gan.scalars.items() if not math.isfinite(v)]
            bad = [k for k in bad if not (scaled and k.startswith("grad/"))]  # such a step is left out
            # every rank must stop at the same batch
            if trainer.strategy.reduce_boolean_decision(bool(bad), all=False):
                raise NotFinite(self.tell(trainer, gan, " and ".join(bad) or "a loss of another process"))
        if gan.passed(self.every_kimg) or interrupted(trainer):
            self.save(trainer, gan)

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        self.save(trainer, gan)

    def on_exception(self, trainer: L.Trainer, gan: GAN, exception: BaseException) -> None:
        # met between two steps; of several processes the others would not come to save
        if isinstance(exception, BadImage) and gan.started and trainer.world_size == 1:
            self.save(trainer, gan)


def is_broken(value: object) -> bool:
    """Whether a part of a state holds NaN or infinity, which `load` refuses."""
    return isinstance(value, Tensor) and value.is_floating_point() and not bool(value.isfinite().all())
