"""How far training is, for the terminal."""

import sys
import time

import lightning.pytorch as L
from lightning.pytorch.callbacks import Callback

from zoo.engine.gan import GAN
from zoo.options.bar import shown


class Progress(Callback):
    """A bar in kimg with images/s, time left and the main losses; plain lines where there is no terminal."""

    def __init__(self, line_every_s: float = 30) -> None:
        self.line_every_s, self.bar, self.shown = line_every_s, None, 0.0

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        if not trainer.is_global_zero:
            return
        self.start = (gan.nimg, gan.train_seconds)
        if sys.stdout.isatty() and not shown:
            from rich.progress import BarColumn, Progress, TextColumn

            self.bar = Progress(
                TextColumn("{task.fields[kimg]}"),
                BarColumn(),
                TextColumn("{task.fields[about]}"),
                refresh_per_second=2,
            )
            self.task = self.bar.add_task("", total=gan.total_kimg, kimg="", about="")
            self.bar.start()
            shown.append(self.bar)

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs, batch, batch_idx: int) -> None:
        now = time.perf_counter()
        if trainer.is_global_zero and now - self.shown > (0.5 if self.bar else self.line_every_s):
            self.shown = now
            self.show(gan)

    def show(self, gan: GAN) -> None:
        speed = (gan.nimg - self.start[0]) / max(gan.train_seconds - self.start[1], 1e-9)
        left = max(gan.total_kimg * 1000 - gan.nimg, 0) / max(speed, 1e-9)
        told = {k: float(v) for k, v in gan.scalars.items() if k.startswith(("loss/", "return/"))}
        losses = "  ".join(f"{k} {v:.3f}" for k, v in told.items())
        kimg = f"{gan.nimg / 1000:.1f}/{gan.total_kimg:g} {gan.unit}"
        clock = time.strftime("%H:%M:%S", time.gmtime(left))
        until = f"{left / 86400:.1f} days left" if left >= 86400 else f"{clock} left"
        if gan.stage.end is not None:  # later stages are slower, nobody knows by how much
            until = f"at {gan.trained_stage.resolution} px"
        about = f"{speed:.0f} {gan.things}/s  {until}  {losses}"
        if self.bar:
            self.bar.update(self.task, completed=gan.nimg / 1000, kimg=kimg, about=about)
        else:
            print(f"{kimg}  {about}", flush=True)

    def close(self) -> None:
        if self.bar:
            self.bar.stop()
            if self.bar in shown:
                shown.remove(self.bar)

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        if trainer.is_global_zero:
            self.show(gan)
        self.close()

    def on_exception(self, trainer: L.Trainer, gan: GAN, exception: BaseException) -> None:
        self.close()
