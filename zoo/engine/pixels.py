"""What images are to a model's networks; to the rest of the zoo they are (N, 3, R, R) in [-1, 1]."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Pixels:
    """Colours and range of the images that G makes and D sees.

    Args:
        channels: 3, or 1 for grey images, of which the zoo's have three equal ones.
        unit: they lie in [0, 1], not in [-1, 1].
    """

    channels: int = 3
    unit: bool = False

    def native(self, images: Tensor) -> Tensor:
        """Images (N, 3, R, R) in [-1, 1] as the networks see them."""
        images = images[:, : self.channels]
        return (images + 1) / 2 if self.unit else images

    def shown(self, images: Tensor) -> Tensor:
        """The networks' images as (N, 3, R, R) in [-1, 1]."""
        images = 2 * images - 1 if self.unit else images
        return images.expand(-1, 3, -1, -1) if self.channels == 1 else images
