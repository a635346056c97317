"""Changes of real images that leave their class."""

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.ranks import share


def crop_and_flip(x: Tensor, pad: int = 2) -> Tensor:
    """Each image reflected over its border by `pad`, cropped back at a random place, and mirrored with p = 1/2."""
    n, size = len(x), x.shape[-1]
    places = torch.empty(n, 1, dtype=torch.int64, device=x.device)
    rows, columns = (share.randint(2 * pad + 1, places) for _ in range(2))
    side = torch.arange(size, device=x.device)
    columns = torch.where(share.rand(places.float()) < 0.5, columns + side.flip(0), columns + side)
    image = torch.arange(n, device=x.device)[:, None, None]
    padded = F.pad(x, (pad,) * 4, mode="reflect").permute(0, 2, 3, 1)
    return padded[image, (rows + side)[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
