"""Small experiments on a CPU."""

from pathlib import Path


def saddle(out: Path = Path("saddle.png"), steps: int = 5000, runs: int = 20, seed: int = 0) -> None:
    """Play TTUR's toy problem, a saddle with noisy gradients, at one rate and at two.

    Args:
        out: The picture to write.
        steps: Steps of each run.
        runs: Runs of each setting; one is drawn.
        seed: Names the noise.
    """
    from zoo.lab.saddle import lab

    print(lab(out, steps, runs, seed))


def plane(
    paper: str,
    data: str = "ring",
    out: Path | None = None,
    kimg: float | None = None,
    seed: int = 0,
    options: dict | None = None,
) -> None:
    """Train a paper's method on points, in about a minute: samples, D's level sets and gradient, modes covered.

    Args:
        paper: One of r1gan, rothgan, ttur, ctgan and vgan, several with commas, or all.
        data: ring, grid, swissroll, submanifold (Roth's mixture in space).
        out: The picture to write; plane-PAPER-DATA.png by default.
        kimg: Thousands of real points to show; the paper's setting by default.
        seed: Of weights, latents and points.
        options: Arguments of the paper's model over its setting, such as '{penalty: none}'.
    """
    from zoo.lab.plane import lab

    print(lab(paper, data, out or Path(f"plane-{paper}-{data}.png"), kimg, seed, options))
