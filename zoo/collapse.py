"""Watching a run for collapse as Brock et al. 2019 do: spectra of the weights, and whether D memorises.

What is said of that paper is from a third party's digest of it.

    --trainer.callbacks+=zoo.collapse.CollapseWatch --trainer.callbacks.every_kimg 100

A collapse is not come back from: what helps is to have kept a checkpoint from before.
"""

import os
import sys
from pathlib import Path

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from zoo.gan import GAN, evaluating


@torch.no_grad()
def top_singular_values(net: nn.Module, k: int = 3) -> dict[str, Tensor]:
    """The k largest singular values of every weight of at least two axes, rows its output units, by layer.

    Exact, from the smaller Gram matrix in float64; raw weights, before any spectral normalisation.
    """
    found = {}
    for name, weight in net.named_parameters():
        if weight.ndim > 1:
            w = weight.detach().flatten(1).double()
            gram = w @ w.t() if w.shape[0] <= w.shape[1] else w.t() @ w
            values = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt().flip(0)[:k]
            found[name.removesuffix(".weight")] = values.float().cpu()
    return found


class CollapseWatch(Callback):
    """Logs spectra and D's logits every so many kimg, warns of a collapse, keeps the checkpoint before it.

    Warns in one sentence, once, when
    - the largest singular value of a weight has grown `jump`-fold since the last look, or
    - a distance to the data (fid, else the first fd_...) is `worse` times the best so far.
    From then on `checkpoints/before-collapse.ckpt` is the last checkpoint at which nothing of it could be seen.

    Args:
        every_kimg: thousands of images between two looks.
        held_out: zip or folder of images that training does not see; None takes those that the data's `limit`
            leaves out, if it does.
        n: images of each kind that D is asked about.
        jump: growth of a singular value between two looks that is no training any more.
        worse: factor on the best distance.
    """

    def __init__(
        self,
        every_kimg: float = 100,
        held_out: str | None = None,
        n: int = 1000,
        jump: float = 2.0,
        worse: float = 2.0,
    ) -> None:
        self.every_kimg, self.held_out, self.n, self.jump, self.worse = every_kimg, held_out, n, jump, worse
        self.before: dict[str, float] = {}  # largest singular values at the last look
        self.best: dict[str, float] = {}  # least distances
        self.warned = False
        self._others = None  # zoo.data.module.Images

    def state_dict(self) -> dict:
        return {"before": self.before, "best": self.best, "warned": self.warned}

    def load_state_dict(self, state: dict) -> None:
        self.before, self.best, self.warned = state["before"], state["best"], state["warned"]

    def on_fit_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Open the held-out images.

        Raises:
            ValueError, OSError: if they cannot be read, are the training set, or lack the model's classes.
        """
        if not trainer.is_global_zero or trainer.datamodule is None:
            return
        data = trainer.datamodule
        self._others = data.held_out()
        if self.held_out:
            from zoo.data import ImageDataModule

            others = ImageDataModule(self.held_out, resolution=data.resolution)
            others.setup("fit")
            if others.fingerprint == data.fingerprint:
                raise ValueError(f"held_out {self.held_out} is the training set itself: name images it lacks")
            self._others = others.opened
        if self._others is not None and gan.n_classes and self._others.labels is None:
            raise ValueError(f"held_out {self.held_out} has no labels, and D of {type(gan).__name__} needs them")

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs, batch, batch_idx: int) -> None:
        if not (gan.passed(self.every_kimg) and trainer.is_global_zero):
            return
        with gan.off_the_clock():
            signs = self.spectra(gan) + self.distances(trainer)
            scalars = self.scalars | self.memory(gan, trainer.datamodule)
            gan.log_scalars(scalars)
            self.keep(trainer, gan, signs)

    def spectra(self, gan: GAN) -> list[str]:
        """Measure both networks' spectra into `scalars`; sentences about what has jumped."""
        self.scalars: dict[str, float] = {}
        largest = {}
        for letter, net in (("g", gan.G), ("d", gan.D)):
            for layer, values in top_singular_values(net).items():
                self.scalars |= {f"spectrum/{letter}/{layer}/{i}": v.item() for i, v in enumerate(values)}
                largest[f"{letter.upper()}'s {layer}"] = values[0].item()
        signs = [
            f"the largest singular value of {layer} went from {self.before[layer]:.3g} to {value:.3g}"
            for layer, value in largest.items()
            if layer in self.before and value > self.jump * self.before[layer]
        ]
        self.before = largest
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
        found: dict[str, float] = {}
        sources = {"train": None if data is None else data.opened, "held_out": self._others}
        with evaluating(gan.D), evaluating(gan.G):
            for name, images in sources.items():
                if images is None:
                    continue
                rows = spread(len(images), min(self.n, len(images)))
                logits = torch.cat([self.judge(gan, data, *images[part.tolist()]) for part in rows.split(100)])
                found[f"memory/{name}"] = logits.mean().item()
                found[f"memory/{name}_accuracy"] = (logits > 0).float().mean().item()
            z, label = gan.indexed_latents(min(self.n, 100), 2**32 - 2)
            found["memory/fake"] = gan.D(gan.G(z, label), label).float().mean().item()
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
                part = kept.with_suffix(".part")
                part.unlink(missing_ok=True)
                try:
                    os.link(last, part)
                except OSError:
                    part.write_bytes(last.read_bytes())
                os.replace(part, kept)
        elif signs and not self.warned:
            self.warned = True
            good = (
                f"the last good checkpoint is kept as {kept}" if kept.exists() else "no checkpoint is from before"
            )
            print(
                f"warning: at {gan.nimg / 1000:g} kimg this run seems to have collapsed: {'; '.join(signs[:3])}. "
                f"It will not recover; {good}",
                file=sys.stderr,
                flush=True,
            )


def spread(n: int, k: int) -> Tensor:
    """k of the numbers below n, evenly spread, always the same."""
    return torch.arange(k) * n // k
