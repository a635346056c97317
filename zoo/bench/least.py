"""The least FLOPs that a paper's step needs: how many passes of which network over how many images.

In forward passes of one image, f: a forward pass is 1, a backward pass to weights and inputs 2, one to inputs alone
(of frozen weights) 1. A loss costs 3 f of the network that it trains. A penalty on the slope at m images takes the
backward pass to the inputs, 1, and that pass's own derivative, 2. Where it meets bent activations or statistics
(the minibatch stddev, layer norm), the derivative also runs down the forward pass again, 2 more, unless the loss's
own backward pass runs there anyway. Points of their own (WGAN-GP's) cost their forward pass besides.
"""

from collections.abc import Callable, Mapping

from zoo.engine.gan import GAN

Passes = tuple[int, int]  # f of D, f of G

LOSS, FROZEN = 3, 2  # a network's forward and backward pass; those of a frozen one
SLOPE = 3  # at images that a loss shows D too: to the inputs, and that pass's derivative
POINTS, BENT = 4, 6  # at points of their own: piecewise linear, and with statistics or bent activations


def _critics(n: int, m: int, per_image: int, more_g: int = 0) -> Passes:
    """D takes `per_image` for each of n images and as many fakes, which G draws; then G its step with m fakes."""
    return per_image * n + FROZEN * m, n + (LOSS + more_g) * m


def _slopes(gan: GAN) -> int:
    return 2 * LOSS + SLOPE * len(gan.penalties)


#: paper -> f of D and of G for a model's step of n images, m of them G's
PASSES: Mapping[str, Callable[[GAN, int, int], Passes]] = {
    # from one batch of fakes, or from new ones for G
    "PGGAN": lambda gan, n, m: _critics(n, m, 2 * LOSS + BENT, -1 if gan.updates == gan.simultaneous else 0),
    "StyleGAN": lambda gan, n, m: _critics(n, m, 2 * LOSS + SLOPE),
    "BigGAN": lambda gan, n, m: _critics(n, m, 2 * LOSS),
    # E sees images, reconstructions and samples, then frozen the latter two; G's two get E's slope besides
    "IntroVAE": lambda gan, n, m: ((3 * LOSS + 2 * FROZEN) * n, (2 * LOSS + 1) * n),
    "VGAN": lambda gan, n, m: _critics(n, m, _slopes(gan)),
    "R1GAN": lambda gan, n, m: _critics(n, m, _slopes(gan)),
    "RothGAN": lambda gan, n, m: _critics(n, m, 2 * LOSS + 2 * SLOPE),
    # DCGAN's two extra passes of G move its statistics as the authors' log does
    "TTUR": lambda gan, n, m: (
        _critics(n, m, 2 * LOSS, 2) if gan.iteration == gan.dcgan else _critics(n, m, 2 * LOSS + BENT)
    ),
    "SNGAN": lambda gan, n, m: _critics(n, m, 2 * LOSS + (POINTS if gan.hparams.penalty == "gp" else 0)),
    # the real images twice
    "CTGAN": lambda gan, n, m: _critics(n, m, 3 * LOSS + POINTS),
}


def least(gan: GAN, forward: Mapping[str, float]) -> float:
    """The least FLOPs of a training step of a model whose passes are in `PASSES`.

    Args:
        forward: FLOPs of one image through "G" and through "D".
    """
    n = gan.images_per_step
    m = getattr(gan, "batch_size_g", None) or n // gan.stage.parts
    d, g = PASSES[type(gan).__name__](gan, n, m)
    return d * forward["D"] + g * forward["G"]
