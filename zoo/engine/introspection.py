"""Names what goes wrong in an introspective game, where the losses alone look harmless.

The mean KLs of an IntroVAE should end as real < reconstruction, sample <= about the margin m. Known ways to lose: a
KL explodes; no fake ever comes near m, which then does nothing; the encoder finds fakes more likely than images, or
gives images themselves a KL of m.
"""

import sys
from typing import Any

import lightning.pytorch as L
from lightning.pytorch.callbacks import Callback

from zoo.engine.checkpoints import Checkpoints
from zoo.engine.failures import Diverged
from zoo.engine.gan import GAN
from zoo.options.checked import Checked
from zoo.options.ranges import PositiveInt

#: in margins, or in nats for each latent number if that is more; a VAE holds a few nats for each at the most
EXPLOSION = 100.0


class Introspection(Checked, Callback):
    """Watches the logged KLs: stops training at an explosion, and tells each other fault once, when it has lasted.

    Args:
        patience: reports in a row that make a fault; a margin that was never reached is one after 1 / patience of
            the introspective phase.
    """

    def __init__(self, patience: PositiveInt = 10) -> None:
        self.patience = patience
        self.highest = 0.0  # KL of a fake so far
        self.lasted: dict[str, int] = {}  # fault -> reports in a row
        self.told: list[str] = []
        self.at = 0  # images at the last report that was looked at

    def state_dict(self) -> dict[str, Any]:
        return {k: getattr(self, k) for k in ("highest", "lasted", "told", "at")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name, value in state_dict.items():
            setattr(self, name, value)

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        self.look(trainer, gan)  # a checkpoint is written before the look at the same step

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.look(trainer, gan)

    def look(self, trainer: L.Trainer, gan: GAN) -> None:
        if (gan.nimg // gan.images_per_step) % trainer.log_every_n_steps or gan.nimg <= self.at:
            return
        self.at = gan.nimg
        kls = {k.removeprefix("L_REG/"): float(v) for k, v in gan.scalars.items() if k.startswith("L_REG/")}
        limit = EXPLOSION * max(gan.margin, gan.latent_dim)
        exploded = [k for k, v in kls.items() if v > limit]
        if trainer.strategy.reduce_boolean_decision(
            bool(exploded), all=False
        ):  # every rank stops at the same batch
            what = " and ".join(f"the KL of {k} ({kls[k]:.3g})" for k in exploded) or "a KL of another process"
            raise Diverged(
                f"{what} exploded at {gan.nimg / 1000:.1f} kimg, past {limit:g} nats, so training stopped; "
                f"{Checkpoints.last_good(trainer)}. Lower --model.lr or --model.weight_neg, or begin with a longer "
                "--model.vae_kimg"
            )
        if trainer.is_global_zero and "sample" in kls:
            self.judge(gan, kls)

    def judge(self, gan: GAN, kls: dict[str, float]) -> None:
        """Count how long each fault has lasted, and tell those that are certain."""
        real, reconstruction, sample = (kls[k] for k in ("real", "reconstruction", "sample"))
        self.highest = max(self.highest, reconstruction, sample)
        start, end = gan.vae_kimg * 1000, gan.total_kimg * 1000
        late = gan.nimg - start > (end - start) / self.patience
        faults = {
            "encoder fooled": (
                min(reconstruction, sample) < real,
                "it finds fakes more likely than images; a larger --model.weight_neg helps it",
            ),
            "margin reached by images": (
                real >= gan.margin,
                "images get the KL that should mark fakes: raise --model.margin, or lower --model.weight_neg",
            ),
            "margin never reached": (
                late and self.highest < gan.margin,
                "it has no effect yet: choose --model.margin near the KL of images after the warm-up",
            ),
        }
        for name, (there, advice) in faults.items():
            self.lasted[name] = self.lasted.get(name, 0) + 1 if there else 0
            if self.lasted[name] >= self.patience and name not in self.told:
                self.told.append(name)
                print(
                    f"warning: {name} by {gan.nimg / 1000:.1f} kimg (KL of images {real:.1f}, of reconstructions "
                    f"{reconstruction:.1f}, of samples {sample:.1f}, margin {gan.margin:g}): {advice}",
                    file=sys.stderr,
                    flush=True,
                )
