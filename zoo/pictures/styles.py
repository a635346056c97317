"""Sheets that show what a style does (Karras et al. 2019, Figures 3 and 8, recalled): `zoo sample --sheet`."""

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.engine.gan import GAN
from zoo.networks.stylegan import mix

#: psi of the truncation strip, from the opposite of each face over the average one (paper, Figure 8)
PSI = (-1.0, -0.7, -0.5, 0.0, 0.5, 0.7, 1.0)


@torch.no_grad()
def truncation_strip(
    gan: GAN, rows: int = 4, psi: Sequence[float] = PSI, seed: int = 0, ema: bool = True
) -> Tensor:
    """One latent a row, one strength of truncation a column: (rows * len(psi), 3, R, R).

    Raises:
        ValueError: if the model does not truncate in w.
    """
    if not hasattr(gan, "renderer"):
        raise ValueError(f"{type(gan).__name__} has no space w to truncate in: use --truncation for a bound on z")
    columns = [gan.sample(rows, None, value, ema, seed) for value in psi]
    return torch.stack(columns, 1).flatten(0, 1)


def levels(used: int) -> list[tuple[int, int]]:
    """First and last + 1 of the coarse, middle and fine layers: 4-8 px, 16-32 px, and the rest that there is."""
    bounds = [(0, 4), (4, 8), (8, used)]
    return [(first, min(last, used)) for first, last in bounds if first < min(last, used)]


@torch.no_grad()
def mixing_sheet(gan: GAN, rows: int = 3, columns: int = 6, seed: int = 0, ema: bool = True) -> tuple[Tensor, int]:
    """Figure 3: the top row's faces lend their coarse, then middle, then fine styles to those of the left column.

    Noise is the stored one, and w is truncated with the code's psi of 0.7.

    Returns:
        images (N, 3, R, R) with a white corner, and the images to a row: `columns` + 1.

    Raises:
        ValueError: if the model has no styles.
    """
    G = gan.G_ema if ema and getattr(gan, "G_ema", None) is not None else gan.G
    if not hasattr(G, "synthesis"):
        raise ValueError(f"{type(gan).__name__} has no styles to mix: this sheet is StyleGAN's")
    lod = gan.trained_stage.lod
    bands = levels(G.synthesis.used(lod))
    z, label = gan.indexed_latents(columns + rows * len(bands), seed)
    w = G.truncate(G.layered(G.mapping(z, label)), 0.7, gan.truncation_cutoff)
    lenders, borrowers = w[:columns], w[columns:]

    def draw(styles: Tensor) -> Tensor:
        return G.synthesis(styles, lod, "stored")

    top = draw(lenders)
    lines = [torch.cat([torch.ones_like(top[:1]), top])]
    for i, own in enumerate(borrowers):
        first, last = bands[i // rows]
        own = own[None].expand(columns, -1, -1)
        lines.append(torch.cat([draw(own[:1]), draw(mix(mix(own, lenders, first), own, last))]))
    return torch.cat(lines), columns + 1
