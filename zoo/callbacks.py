"""What happens around training: sample grids, checkpoints, the end, interruptions, numbers gone bad, progress.

All intervals are in thousands of images (kimg) and depend on `gan.nimg` alone, so they survive a resume.
"""

import math
import os
import signal
import sys
import time
from pathlib import Path

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from zoo.data import BadImage
from zoo.gan import GAN


class Diverged(RuntimeError):
    """Training has gone where it does not come back from."""


class NotFinite(Diverged):
    """A loss or a weight became infinite or not a number."""


def save_grid(images: Tensor, path: Path, columns: int) -> None:
    """Write images (N, 3, R, R) in [-1, 1] as one PNG, `columns` to a row, small ones enlarged without blur."""
    from torchvision.transforms.functional import to_pil_image
    from torchvision.utils import make_grid

    images = images.detach().float().cpu()
    scale = max(1, 96 // images.shape[-1])
    images = images.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    grid = make_grid((images.clamp(-1, 1) + 1) / 2, nrow=columns, padding=2, pad_value=1.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    to_pil_image(grid).save(path)


def join_columns(columns: list[Path], path: Path) -> None:
    """Pictures of equal height beside each other as one PNG."""
    from PIL import Image

    pictures = [Image.open(column) for column in columns]
    joined = Image.new("RGB", (sum(p.width for p in pictures), pictures[0].height))
    for i, picture in enumerate(pictures):
        joined.paste(picture, (sum(p.width for p in pictures[:i]), 0))
    joined.save(path)


def sample_grid(
    gan: GAN, n: int, seed: int = 0, truncation: float | None = None, ema: bool = True, batch_size: int = 64
) -> tuple[Tensor, int]:
    """Images from fixed latents and the number of columns: with classes, a row each for the first ten classes.

    The images are drawn `batch_size` at a time and lie on the CPU.
    """
    columns, label = max(1, math.isqrt(n)), None
    if gan.n_classes:
        rows = min(gan.n_classes, 10)
        columns = max(1, n // rows)
        n, label = rows * columns, torch.arange(rows).repeat_interleave(columns)
    images = []
    for start in range(0, n, batch_size):
        part = slice(start, min(start + batch_size, n))
        some = None if label is None else label[part]
        images.append(gan.sample(part.stop - start, some, truncation, ema, seed, start).cpu())
    return torch.cat(images), columns


def save_own_pictures(gan: GAN, data: L.LightningDataModule | None, path: Path) -> dict[str, Path]:
    """Write what the paper shows beside its samples as `<path>-<name>.png`; name -> file."""
    files = {}
    for name, (images, columns) in (gan.own_pictures(data) if data is not None else {}).items():
        files[name] = path.with_name(f"{path.stem}-{name}.png")
        save_grid(images, files[name], columns)
    return files


class Samples(Callback):
    """Grids of samples from the same latents every time, `samples/kimg-*.png` in the run's folder.

    A growing model also leaves `samples/growth.png`, whose columns show the same latents at the end of each stage.

    Args:
        every_kimg: thousands of images between two grids; 0 leaves only the last one.
        n: images in a grid (with classes: n / 10 columns for each of the first ten classes).
        seed: names the latents.
    """

    def __init__(self, every_kimg: float = 100, n: int = 64, seed: int = 0) -> None:
        if n < 1:
            raise ValueError(f"samples.n must be at least 1, not {n}")
        self.every_kimg, self.n, self.seed = every_kimg, n, seed

    def draw(self, trainer: L.Trainer, gan: GAN) -> None:
        with gan.off_the_clock():
            if not trainer.is_global_zero:
                return
            images, columns = sample_grid(gan, self.n, self.seed)
            path = Path(trainer.default_root_dir, "samples", f"kimg-{gan.nimg / 1000:09.1f}.png")
            save_grid(images, path, columns)
            pictures = {"samples": path} | save_own_pictures(gan, trainer.datamodule, path)
            for logger in trainer.loggers:
                if isinstance(logger, L.loggers.WandbLogger):
                    import wandb

                    shown = {name: wandb.Image(str(file)) for name, file in pictures.items()}
                    logger.experiment.log(shown | {"kimg": gan.nimg / 1000})

    def real(self, trainer: L.Trainer) -> None:
        if trainer.is_global_zero and trainer.datamodule is not None:
            n = min(self.n, len(trainer.datamodule))
            real = trainer.datamodule.images(torch.arange(n)).float() / 127.5 - 1
            save_grid(real, Path(trainer.default_root_dir, "samples", "real.png"), max(1, math.isqrt(n)))

    def column(self, trainer: L.Trainer, gan: GAN) -> None:
        """Draw the stage that ends as a column, and beside the columns of the stages before it."""
        with gan.off_the_clock():
            if not trainer.is_global_zero:
                return
            folder, side = Path(trainer.default_root_dir, "samples"), gan.trained_stage.resolution
            images = gan.sample(min(self.n, 8), seed=self.seed)
            images = images.repeat_interleave(gan.resolution // side, 2).repeat_interleave(
                gan.resolution // side, 3
            )
            save_grid(images, folder / f"stage-{side:04d}px.png", 1)
            join_columns(sorted(folder.glob("stage-*px.png")), folder / "growth.png")

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        self.real(trainer)

    def on_train_epoch_start(self, trainer: L.Trainer, gan: GAN) -> None:
        if trainer.current_epoch:  # another stage of a growing model
            self.real(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, gan: GAN) -> None:
        if gan.stage_at(0).end is not None:
            self.column(trainer, gan)

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs, batch, batch_idx: int) -> None:
        if gan.passed(self.every_kimg):
            self.draw(trainer, gan)

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        self.draw(trainer, gan)


class Checkpoints(Callback):
    """Checkpoints every N kimg and whenever training stops; `checkpoints/last.ckpt` is always the newest.

    A file is written beside its final name and renamed, so a full disk or a kill never damages an older one;
    a model with numbers that are not finite is never written.

    Args:
        every_kimg: thousands of images between two checkpoints; 0 leaves only the one at the end.
        keep: how many numbered checkpoints are kept beside `last.ckpt`.
    """

    def __init__(self, every_kimg: float = 500, keep: int = 2) -> None:
        self.every_kimg, self.keep, self.saved_at = every_kimg, keep, -1

    def save(self, trainer: L.Trainer, gan: GAN) -> None:
        if self.saved_at == gan.nimg:
            return
        with gan.off_the_clock():
            if not all(p.isfinite().all() for p in gan.parameters()):
                raise NotFinite(self.tell(trainer, gan, "a weight"))
            folder = Path(trainer.default_root_dir, "checkpoints")
            name = f"kimg-{gan.nimg / 1000:09.1f}.ckpt"
            part = folder / f"{name}.part"
            try:
                trainer.save_checkpoint(part)
            except OSError as error:  # only the writing rank comes here; the others wait for it
                trainer.strategy.barrier()
                self.complain(gan, part, error)
                return
            self.saved_at = gan.nimg
            if trainer.is_global_zero:
                try:
                    os.replace(part, folder / name)
                    self.link(folder / name, folder / "last.ckpt")
                    for old in sorted(folder.glob("kimg-*.ckpt"))[: -max(self.keep, 1)]:
                        old.unlink()
                except OSError as error:
                    self.complain(gan, part, error)

    @staticmethod
    def complain(gan: GAN, part: Path, error: OSError) -> None:
        part.unlink(missing_ok=True)
        print(
            f"checkpoint at {gan.nimg / 1000:.1f} kimg not saved whole ({error}); training goes on, older ones are "
            "untouched. Free some space, or set --run_dir to another disk and resume with --ckpt_path",
            file=sys.stderr,
        )

    @staticmethod
    def link(file: Path, name: Path) -> None:
        """Make `name` the same file as `file`, by a hard link where the file system has them."""
        part = Path(f"{name}.part")
        part.unlink(missing_ok=True)
        try:
            os.link(file, part)
        except OSError:
            part.write_bytes(file.read_bytes())
        os.replace(part, name)

    @staticmethod
    def last_good(trainer: L.Trainer) -> str:
        last = Path(trainer.default_root_dir, "checkpoints", "last.ckpt")
        return f"the last good checkpoint is {last}" if last.exists() else "no checkpoint was written before"

    @classmethod
    def tell(cls, trainer: L.Trainer, gan: GAN, what: str) -> str:
        return (
            f"{what} is not finite at {gan.nimg / 1000:.1f} kimg, so training stopped; {cls.last_good(trainer)}. "
            "Lower the learning rate or use --trainer.precision 32-true"
        )

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs, batch, batch_idx: int) -> None:
        if gan.steps % trainer.log_every_n_steps == 0:
            bad = [k for k, v in gan.scalars.items() if not math.isfinite(v)]
            # every rank must stop at the same batch
            if trainer.strategy.reduce_boolean_decision(bool(bad), all=False):
                raise NotFinite(self.tell(trainer, gan, " and ".join(bad) or "a loss of another process"))
        if gan.passed(self.every_kimg):
            self.save(trainer, gan)

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        self.save(trainer, gan)

    def on_exception(self, trainer: L.Trainer, gan: GAN, exception: BaseException) -> None:
        # met between two steps; of several processes the others would not come to save
        if isinstance(exception, BadImage) and gan.started and trainer.world_size == 1:
            self.save(trainer, gan)


class Stop(Callback):
    """Ends training at `total_kimg`, or cleanly after the running step at the first Ctrl-C or SIGTERM."""

    def __init__(self) -> None:
        self.signal: str | None = None
        self.interrupted = False
        self.handlers: dict = {}

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        def handle(number: int, frame) -> None:
            if self.signal and number == signal.SIGINT:
                raise KeyboardInterrupt
            self.signal = signal.Signals(number).name

        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self.handlers[number] = signal.signal(number, handle)
            except ValueError:  # not in the main thread
                return

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs, batch, batch_idx: int) -> None:
        stop = trainer.strategy.reduce_boolean_decision(self.signal is not None, all=False)
        self.interrupted = stop and not gan.finished
        if stop or gan.finished:
            trainer.should_stop = True

    def restore(self) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.handlers = {}

    def teardown(self, trainer: L.Trainer, gan: GAN, stage: str) -> None:
        self.restore()  # not before the checkpoint is saved: a second signal would lose it

    def on_exception(self, trainer: L.Trainer, gan: GAN, exception: BaseException) -> None:
        self.restore()


class Progress(Callback):
    """A bar in kimg with images/s, time left and the main losses; plain lines where there is no terminal."""

    def __init__(self, line_every_s: float = 30) -> None:
        self.line_every_s, self.bar, self.shown = line_every_s, None, 0.0

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        if not trainer.is_global_zero:
            return
        self.start = (gan.nimg, gan.train_seconds)
        if sys.stdout.isatty():
            from rich.progress import BarColumn, Progress, TextColumn

            self.bar = Progress(
                TextColumn("{task.fields[kimg]}"),
                BarColumn(),
                TextColumn("{task.fields[about]}"),
                refresh_per_second=2,
            )
            self.task = self.bar.add_task("", total=gan.total_kimg, kimg="", about="")
            self.bar.start()

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs, batch, batch_idx: int) -> None:
        now = time.perf_counter()
        if trainer.is_global_zero and now - self.shown > (0.5 if self.bar else self.line_every_s):
            self.shown = now
            self.show(gan)

    def show(self, gan: GAN) -> None:
        speed = (gan.nimg - self.start[0]) / max(gan.train_seconds - self.start[1], 1e-9)
        left = max(gan.total_kimg * 1000 - gan.nimg, 0) / max(speed, 1e-9)
        losses = "  ".join(f"{k} {float(v):.3f}" for k, v in gan.scalars.items() if k.startswith("loss/"))
        kimg = f"{gan.nimg / 1000:.1f}/{gan.total_kimg:g} kimg"
        clock = time.strftime("%H:%M:%S", time.gmtime(left))
        until = f"{left / 86400:.1f} days left" if left >= 86400 else f"{clock} left"
        if gan.stage.end is not None:  # later stages are slower, nobody knows by how much
            until = f"at {gan.trained_stage.resolution} px"
        about = f"{speed:.0f} img/s  {until}  {losses}"
        if self.bar:
            self.bar.update(self.task, completed=gan.nimg / 1000, kimg=kimg, about=about)
        else:
            print(f"{kimg}  {about}", flush=True)

    def close(self) -> None:
        if self.bar:
            self.bar.stop()

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        if trainer.is_global_zero:
            self.show(gan)
        self.close()

    def on_exception(self, trainer: L.Trainer, gan: GAN, exception: BaseException) -> None:
        self.close()
