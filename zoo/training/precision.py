"""In which precision a run trains: the one that is given, or the one in which the processor is faster."""

from pathlib import Path
from typing import Any

from lightning.pytorch.utilities.rank_zero import rank_zero_only

from zoo.engine import speed
from zoo.engine.gan import GAN
from zoo.training.changes import known
from zoo.training.checks import on_cpu
from zoo.training.devices import processes
from zoo.training.loading import read


def check_half(config: Any, model: GAN) -> bool:
    """Whether penalties are to be taken in bfloat16.

    Raises:
        ValueError: for another precision than bf16-mixed, where that would do nothing, or overflow; and on a
            processor that gets them wrong.
    """
    precision = config.trainer.get("precision")
    if config.half_penalties and precision not in ("bf16-mixed", "bf16"):
        raise ValueError(
            f"--half_penalties goes with --trainer.precision bf16-mixed, not with {precision or '32-true'}: "
            "give that precision, or leave the option out"
        )
    if config.half_penalties and on_cpu(config.trainer):
        world = processes(config.trainer)
        sizes = {model.hparams.get("batch_size", 1), *(model.hparams.get("batch_size_at") or {}).values()}
        for n in sorted({part for size in sizes for part in (max(size // world, 1), -(-size // world))}):
            if (error := speed.half_error(n)) > 0.1:
                raise ValueError(
                    "--half_penalties: this processor gets second derivatives of convolutions in bfloat16 wrong, "
                    f"by {error:.0%} at the {n} images of a process: leave the option out, and penalties stay in "
                    "float32"
                )
    return config.half_penalties


def left_open(config: Any) -> bool:
    """Whether a run's precision is the processor's: `--half_where_fast` on a CPU, and none is given."""
    return config.half_where_fast and config.trainer.get("precision") is None and on_cpu(config.trainer)


def asked(config: Any, now: dict[str, Any]) -> dict[str, Any]:
    """Of what `computed` says of a command, what it asks for."""
    return {k: v for k, v in now.items() if k != "trainer.precision" or not left_open(config)}


def settle(config: Any, config_init: Any, checkpoint: Path | None, decided: dict | None) -> dict[str, str]:
    """Set a precision that was left open: where a run goes on the one that it began in, on whichever processor.

    Args:
        config, config_init: the options and what was made of them; those under `trainer` are changed.
        checkpoint: what is gone on from.
        decided: what rank 0 has told this process, if it has not started it.

    Returns:
        what `computed` says of it; nothing if it was given.
    """
    if not left_open(config):
        return {}
    if checkpoint is not None:
        half = known(read(checkpoint, mmap=True)).get("trainer.precision") == "bf16-mixed"
    elif decided is not None:
        half = decided["half"]
    else:
        half = speed.fast_in_half()
        if half and rank_zero_only.rank == 0:
            print("bf16-mixed, which is faster on this processor; --trainer.precision 32-true trains in float32")
    config.trainer.precision = config_init.trainer.precision = "bf16-mixed" if half else "32-true"
    return {"trainer.precision": config.trainer.precision}
