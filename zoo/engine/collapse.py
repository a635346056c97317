"""Watching a run for collapse as Brock et al. 2019 do: spectra of the weights, and whether D memorises.

What is said of that paper is from a third party's digest of it.

BigGAN has it on, every `watch_kimg`. With other settings, or for other papers that do not grow and whose D judges
images alone:

    --trainer.callbacks+=zoo.engine.collapse.CollapseWatch --trainer.callbacks.every_kimg 100

A collapse is not come back from: what helps is to have kept a checkpoint from before.
"""

import inspect
import math
import sys
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from zoo.engine.checkpoints import Checkpoints
from zoo.engine.duties import perform
from zoo.engine.gan import GAN
from zoo.networks.modes import evaluating
from zoo.options.checked import Checked
from zoo.options.ranges import NonNegativeFloat, PositiveInt


@torch.no_grad()
def top_singular_values(net: nn.Module, k: int = 3) -> dict[str, Tensor]:
    """The k largest singular values of every weight of at least two axes, rows its output units, by layer.

    Exact, from the smaller Gram matrix in float64; raw weights, before any spectral normalisation.
    A weight that is not finite has NaN for all of them.
    """
    found = {}
    for name, weight in net.named_parameters():
        if weight.ndim > 1:
            w = weight.detach().flatten(1).double()
            gram = w @ w.t() if w.shape[0] <= w.shape[1] else w.t() @ w
            finite = bool(gram.isfinite().all())
            values = torch.linalg.eigvalsh(gram) if finite else gram.new_full((len(gram),), math.nan)
            values = values.clamp(min=0).sqrt().flip(0)[:k]
            found[name.removesuffix(".weight")] = values.float().cpu()
    return found


class CollapseWatch(Checked, Callback):
    """Logs spectra and D's logits every so many kimg, warns of a collapse, keeps the checkpoint before it.

    Rank 0 does it alone, without collectives; the others meet it at their next gradient. It changes nothing that
    training sees. A checkpoint is written before the look at the same step, so a resumed run looks first if its
    checkpoint lacks one.

    Warns in one sentence, once, when
    - the largest singular value of a weight has grown `jump`-fold since the last look, and `jump` times as much as
      between the two looks before it: young weights grow fast, but ever slower, or
    - a distance to the data (fid, else the first fd_...) is `worse` times the best so far.
    From then on `checkpoints/before-collapse.ckpt` is the last checkpoint at which nothing of it could be seen.

    Args:
        every_kimg: thousands of images between two looks; 0 for none.
        held_out: zip or folder of images that training does not see; None takes those that the data's `limit`
            leaves out, else the data set's test images, if there are any.
        n: images of each kind that D is asked about.
        jump: growth of a singular value, also against the growth before, that is no training any more (ours).
        worse: factor on the best distance (ours).
    """

    def __init__(
        self,
        every_kimg: NonNegativeFloat = 100,
        held_out: str | None = None,
        n: PositiveInt = 1000,
        jump: NonNegativeFloat = 2.0,
        worse: NonNegativeFloat = 2.0,
    ) -> None:
        self.every_kimg, self.held_out, self.n, self.jump, self.worse = every_kimg, held_out, n, jump, worse
        self.at = 0  # images at the last look
        self.before: dict[str, float] = {}  # largest singular values at the last look
        self.growth: dict[str, float] = {}  # theirs over those of the look before
        self.best: dict[str, float] = {}  # least distances
        self.warned = False
        self._others = None  # zoo.data.module.Images

    def state_dict(self) -> dict:
        return {k: getattr(self, k) for k in ("at", "before", "growth", "best", "warned")}

    def load_state_dict(self, state: dict) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def on_fit_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """As `check`."""
        if trainer.is_global_zero:
            self.check(gan, trainer.datamodule)

    def check(self, gan: GAN, data: Any) -> None:
        """Refuse what cannot be watched, and open the held-out images of a data module.

        Raises:
            ValueError, OSError: for a model that grows or whose D judges no images alone; for held-out images that
                cannot be read, are the training set, or lack the model's classes.
        """
        if not self.every_kimg:
            return
        grows = gan.stage_at(0).end is not None
        if grows or "label" not in inspect.signature(gan.D.forward).parameters:
            why = "it grows" if grows else "its D does not judge images alone"
            raise ValueError(
                f"CollapseWatch cannot watch {type(gan).__name__}, since {why}: leave the callback out"
            )
        if data is None:
            return
        self._others = data.unseen()
        if self.held_out:
            from zoo.data import ImageDataModule

            others = ImageDataModule(self.held_out, resolution=data.resolution)
            others.setup("fit")
            if others.fingerprint == data.fingerprint:
                raise ValueError(f"held_out {self.held_out} is the training set itself: name images it lacks")
            self._others = others.opened
        if self._others is not None and gan.n_classes and self._others.labels is None:
            raise ValueError(f"held_out {self.held_out} has no labels, and D of {type(gan).__name__} needs them")

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        self.look(trainer, gan)

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs, batch, batch_idx: int) -> None:
        self.look(trainer, gan)

    def look(self, trainer: L.Trainer, gan: GAN) -> None:
        """Measure, log, judge and keep, on rank 0, if a multiple of `every_kimg` was passed since the last look."""
        images = self.every_kimg * 1000
        if images and trainer.is_global_zero and gan.nimg // images > self.at // images:
            perform(trainer, partial(self.measure, trainer, gan))

    def measure(self, trainer: L.Trainer, gan: GAN) -> None:
        with gan.off_the_clock():
            signs = self.spectra(gan) + self.distances(trainer)
            gan.log_scalars(self.scalars | self.memory(gan, trainer.datamodule))
            self.keep(trainer, gan, signs)
            self.at = gan.nimg

    def spectra(self, gan: GAN) -> list[str]:
        """Measure both networks' spectra into `scalars`; sentences about what has jumped."""
        self.scalars: dict[str, float] = {}
        signs, largest, growth = [], {}, {}
        for letter, net in (("g", gan.G), ("d", gan.D)):
            for layer, values in top_singular_values(net).items():
                self.scalars |= {f"spectrum/{letter}/{layer}/{i}": v.item() for i, v in enumerate(values)}
                name, value = f"{letter.upper()}'s {layer}", values[0].item()
                largest[name] = value
                if not math.isfinite(value):
                    signs.append(f"{name} is not finite")
                elif before := self.before.get(name):  # none of a weight that was zero
                    growth[name] = value / before
                    if growth[name] > self.jump * max(1.0, self.growth.get(name, math.inf)):
                        signs.append(f"the largest singular value of {name} went from {before:.3g} to {value:.3g}")
        self.before, self.growth = largest, growth
        return signs

    def distances(self, trainer: L.Trainer) -> list[str]:
        """A sentence if the latest evaluation is far behind the best one."""
        history = next((c.history for c in trainer.callbacks if hasattr(c, "history")), {})
        signs = []
        if history:
            metrics = history[max(history)]["metrics"]
            name = next(
                (k for k in ("fid", *metrics) if k in metrics and (k == "fid" or k.startswith("fd_"))), None
            )
            if name:
                best = self.best[name] = min(metrics[name], self.best.get(name, metrics[name]))
                if metrics[name] > self.worse * best:
                    signs.append(f"{name} is {metrics[name]:.4g} after {best:.4g}")
        return signs

    @torch.no_grad()
    def memory(self, gan: GAN, data: L.LightningDataModule | None) -> dict[str, float]:
        """D's mean logit on training, held-out and generated images, and the share of reals it calls real.

        On ImageNet the paper found more than 98 % of training and 50 to 55 % of validation images called real: D
        memorises. Both networks in eval mode, so that no state moves.
        """
        block = gan.stage.block  # a score may be of several images
        part = max(1, 100 * 128**2 // max(128, gan.resolution) ** 2 // block) * block  # images at a time
        found: dict[str, float] = {}
        sources = {"train": None if data is None else data.opened, "held_out": self._others}
        with evaluating(gan.D), evaluating(gan.G):
            for name, images in sources.items():
                if images is None or len(images) < block:
                    continue
                rows = spread(len(images), max(min(self.n, len(images)) // block, 1) * block)
                logits = torch.cat([self.judge(gan, data, *images[some.tolist()]) for some in rows.split(part)])
                found[f"memory/{name}"] = logits.mean().item()
                found[f"memory/{name}_accuracy"] = (logits > 0).float().mean().item()
            fakes = (gan.indexed_latents(part, 2**32 - 2, i) for i in range(0, 100, part))
            logits = torch.cat([gan.D(gan.G(z, label), label).float() for z, label in fakes])
            found["memory/fake"] = logits.mean().item()
        return found

    @staticmethod
    def judge(gan: GAN, data: L.LightningDataModule, images: Tensor, label: Tensor | None) -> Tensor:
        """Logits (n,) of uint8 images, as training shows them but without flips and noise."""
        x = gan.to_native(images.to(gan.device, gan.dtype) / data.divisor - 1)
        return gan.D(x, label.to(gan.device) if gan.n_classes else None).float().cpu()

    def keep(self, trainer: L.Trainer, gan: GAN, signs: list[str]) -> None:
        """Keep the newest checkpoint while all is well; when it is not any more, say so, once."""
        folder = Path(trainer.default_root_dir, "checkpoints")
        kept, last = folder / "before-collapse.ckpt", folder / "last.ckpt"
        if not signs and not self.warned:
            if last.exists():
                try:
                    Checkpoints.link(last, kept)
                except OSError as error:
                    Checkpoints.complain(gan, error)
        elif signs and not self.warned:
            self.warned = True
            good = (
                f"the last good checkpoint is kept as {kept}" if kept.exists() else "no checkpoint is from before"
            )
            print(
                f"warning: at {gan.nimg / 1000:g} kimg this run seems to have collapsed: {'; '.join(signs[:3])}. "
                f"Runs do not recover from it; {good}",
                file=sys.stderr,
                flush=True,
            )


def spread(n: int, k: int) -> Tensor:
    """k of the numbers below n, evenly spread, always the same."""
    return torch.arange(k) * n // k
