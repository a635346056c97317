"""Logs the dynamics of a run, whichever paper trains: gradients, slopes of D, turning updates, spectra.

--trainer.callbacks+=zoo.lab.dynamics.Dynamics --trainer.callbacks.every_kimg 100
"""

import time
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from zoo.engine.collapse import top_singular_values
from zoo.engine.gan import GAN
from zoo.lab.eigen import game_of, gives_logits, largest, level_of
from zoo.networks.modes import evaluating
from zoo.objectives.penalties import r1, r2


def flat(net: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in net.parameters()])


class Dynamics(Callback):
    """Looks at the game every so many kimg, on rank 0, without touching what training sees.

    A look takes three steps: at the first it notes the weights, at the third it measures and logs
    - `dynamics/grad_g`, `dynamics/grad_d`: L2 norms of the gradients of the last updates,
    - `dynamics/r1`, `dynamics/r2`: mean squared slope of D on real images and on fakes (absent where D gives no
      logits), with both networks in eval mode,
    - `dynamics/cosine_g`, `dynamics/cosine_d`: of the last two steps' updates; about 1 is a straight way, negative
      is back and forth,
    - `dynamics/sigma_g`, `dynamics/sigma_d`: the largest singular value of a weight,
    - `dynamics/real_part`: the largest real part of the game Jacobian's spectrum on a batch, if `jacobian` is not
      0: positive, the game pushes away; by Arnoldi's method, some hundred gradients,
    - `dynamics/share`: the time of all looks so far over that of training.
    A checkpoint in the middle of a look holds what was noted, so that a resumed run finishes it.

    Args:
        every_kimg: thousands of images between two looks.
        n: real images and fakes that D's slopes are taken on.
        jacobian: images of the batch behind `dynamics/real_part`; 0 for none.
    """

    def __init__(self, every_kimg: float = 100, n: int = 16, jacobian: int = 0) -> None:
        self.every_kimg, self.n, self.jacobian = every_kimg, n, jacobian
        self.notes: list[tuple[Tensor, Tensor]] = []  # G's and D's weights of the steps of a running look
        self.seconds = 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"notes": self.notes, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.notes, self.seconds = state_dict["notes"], state_dict["seconds"]

    def on_fit_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Raises ValueError for numbers that make no look."""
        if self.every_kimg <= 0 or self.n < 1 or self.jacobian < 0:
            raise ValueError(
                "Dynamics needs a positive every_kimg, n of at least 1 image and jacobian of 0 or more"
            )

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        if not trainer.is_global_zero or not (self.notes or gan.passed(self.every_kimg)):
            return
        with gan.off_the_clock():
            start = time.perf_counter()
            self.notes.append((flat(gan.G), flat(gan.D)))
            if len(self.notes) == 3:
                scalars = self.measure(gan, *batch)
                self.notes = []
                self.seconds += time.perf_counter() - start
                scalars["share"] = self.seconds / max(gan.train_seconds, 1e-9)
                gan.log_scalars({f"dynamics/{name}": value for name, value in scalars.items()})
            else:
                self.seconds += time.perf_counter() - start

    def measure(self, gan: GAN, real: Tensor, label: Tensor | None) -> dict[str, float]:
        """Everything but the share of time; random numbers that a network draws are given back."""
        found: dict[str, float] = {}
        devices = [gan.device] if gan.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), torch.enable_grad(), evaluating(gan.G), evaluating(gan.D):
            for i, (name, net) in enumerate((("g", gan.G), ("d", gan.D))):
                gradients = [p.grad for p in net.parameters() if p.grad is not None]
                found[f"grad_{name}"] = nn.utils.get_total_norm(gradients).item() if gradients else 0.0
                first, second, third = (weights[i].to(gan.device) for weights in self.notes)
                found[f"cosine_{name}"] = torch.cosine_similarity(second - first, third - second, 0).item()
                found[f"sigma_{name}"] = max(v[0].item() for v in top_singular_values(net, 1).values())
            found |= self.slopes(gan, real[: self.n].detach(), label)
            if self.jacobian:
                found |= self.real_part(gan, real[: self.jacobian].detach(), label)
        return found

    @staticmethod
    def real_part(gan: GAN, real: Tensor, label: Tensor | None = None) -> dict[str, float]:
        """The largest real part to about 1 %; nothing where no game of logits is told, or none settles."""
        label = label[: len(real)] if label is not None else None
        try:
            found = largest(game_of(gan, real, label), 1, "LR", restarts=5, tolerance=1e-2)
        except ValueError:
            return {}
        return {"real_part": float(found.real.max())}

    def slopes(self, gan: GAN, real: Tensor, label: Tensor | None) -> dict[str, float]:
        """R1 and R2 of D as it is, whichever penalty trains; nothing for a D without logits."""
        if not gives_logits(gan):
            return {}
        label = label[: len(real)] if gan.n_classes and label is not None else None
        level = level_of(gan)
        z, fake_label = gan.indexed_latents(len(real), 2**32 - 3)
        real = real.clone().requires_grad_()
        with torch.no_grad():
            fake = gan.G(z, fake_label, **level)
        fake.requires_grad_()
        real_logits, fake_logits = gan.D(real, label, **level), gan.D(fake, fake_label, **level)
        return {"r1": r1(real_logits, real).item(), "r2": r2(fake_logits, fake).item()}
