"""Old paths of the policy as further negatives of the discriminator."""

import torch
from torch import Tensor

from zoo.imitation.paths import Paths


class Replay:
    """A bounded store of old paths (qxcv/vdb-irl @ e3d1292, multiple_irl/models/fusion_manager.py, RamFusionDistr).

    Each iteration as many old paths as new ones are drawn, with replacement, and then the first half of the new
    ones is added. What is too many is dropped at random, the path i of N with probability proportional to i + 1:
    later ones sooner.

    Args:
        capacity: paths that are kept; 0 keeps none.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self.kept = capacity, None

    def joined(self, paths: Paths) -> Paths:
        """New paths and, beside them, drawn old ones; the store takes the first half of the new."""
        if not self.capacity:
            return paths
        n, found = paths.obs.shape[1], paths
        if self.kept is not None:
            found = paths.beside(self.kept.columns(torch.randint(self.kept.obs.shape[1], (n,))))
        new = paths.columns(slice(max(n // 2, 1)))
        store = new if self.kept is None else self.kept.beside(new)
        left = list(range(store.obs.shape[1]))
        while len(left) > self.capacity:
            left.pop(int(torch.multinomial(torch.arange(1.0, len(left) + 1), 1)))
        self.kept = store.columns(torch.tensor(left))
        return found

    def state(self) -> dict[str, Tensor] | None:
        return None if self.kept is None else self.kept.as_dict()

    def restore(self, state: dict[str, Tensor] | None) -> None:
        self.kept = None if state is None else Paths(**state)
