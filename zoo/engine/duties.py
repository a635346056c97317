"""What a run owes at an image count - samples, scores, a look of a watcher - and when it is done.

A checkpoint comes first, so that nothing owed can cost a step; what is owed at the step of a checkpoint is asked
for again when a run goes on from it, and is done again to the same bits, or known to be done.
"""

from collections.abc import Callable

import lightning.pytorch as L

from zoo.engine.checkpoints import Checkpoints
from zoo.engine.stop import Interrupted, stop_of


def perform(trainer: L.Trainer, duty: Callable[[], None]) -> None:
    """Do what is owed at this step, unless training is being stopped; a signal that comes meanwhile breaks it off.

    Several processes share the work, and none of them may leave the others waiting: there it is done to its end.
    """
    stop = stop_of(trainer)
    if stop is None:
        return duty()
    if stop.interrupted:
        return None
    stop.breakable = trainer.world_size == 1 and bool(stop.handlers)
    try:
        try:
            if stop.signal and stop.breakable:  # since the step's end
                raise Interrupted
            duty()
        finally:
            stop.breakable = False
    except Interrupted:
        stop.interrupted = trainer.should_stop = True
        stop.warned = stop.signal == stop.requeue
        for keeper in trainer.callbacks:
            if isinstance(keeper, Checkpoints):
                keeper.save(trainer, trainer.lightning_module)
    return None
