"""What moves and what can be played with: walks as video, a run's growth, an explorer in the browser."""

from pathlib import Path
from typing import Literal

from zoo.options.ranges import (
    FiniteFloat,
    NonNegativeFloat,
    NonNegativeInt,
    Port,
    PositiveFloat,
    Seed,
    Steps,
)


def walk(
    checkpoint: Path,
    out: Path = Path("walk.mp4"),
    seeds: str = "0-3",
    frames: Steps = 60,
    fps: PositiveFloat = 30,
    kind: Literal["spherical", "spline", "linear"] = "spherical",
    loop: bool = True,
    grid: str = "1x1",
    label: NonNegativeInt | None = None,
    truncation: FiniteFloat | None = None,
    classes: str | None = None,
    truncations: list[FiniteFloat] | None = None,
    layers: str | None = None,
    photos: list[Path] | None = None,
    seed: Seed = 0,
    ema: bool = True,
    device: str = "cpu",
) -> None:
    """Walk through a model as a video: between seeds, or classes, strengths of truncation, styles, photos.

    Noise is held, so that nothing flickers.

    Args:
        checkpoint: A run's checkpoints/last.ckpt or any other.
        out: The video: .mp4 (h264), .gif or .webp.
        seeds: Stops such as 0-3 or 4,17,8: cells of a sheet.
        frames: Frames from one stop to the next.
        fps: Frames a second.
        kind: Along the sphere, on a smooth curve through all stops, or on straight lines.
        loop: Return to the first stop.
        grid: Columns x rows of walks beside each other, such as 3x2; each takes the next seeds.
        label: One class for all; by default that of the first seed.
        truncation: Bound of the truncation trick; psi of StyleGAN.
        classes: Walk from class to class, such as 3,207,88, with the latent of the first seed.
        truncations: Walk between two strengths, such as [-1,1], with the latent of the first seed.
        layers: StyleGAN: only these layers walk, such as 0-3; the others keep the first seed's style.
        photos: IntroVAE: walk through photos, such as [a.png,b.png].
        seed: Names the latents, as a sheet's does.
        ema: Use the average of G where the model keeps one.
        device: Where to compute, such as cuda.
    """
    import re

    import torch

    from zoo.data.photos import read_photo
    from zoo.engine.progress import track
    from zoo.pictures import paths, video
    from zoo.pictures.seeds import parse
    from zoo.training.loading import load, load_encoder

    video.check_kind(out)
    sides = re.fullmatch(r"(\d+)x(\d+)", grid)
    if not sides or "0" in sides.groups():
        raise ValueError(f"--grid is columns x rows, such as 3x2, not {grid}")
    columns, rows = map(int, sides.groups())
    if frames < 1 or fps <= 0:
        raise ValueError(f"a walk needs at least 1 frame and a positive fps, not {frames} and {fps:g}")
    if sum(option is not None for option in (classes, truncations, layers, photos)) > 1:
        raise ValueError("choose one of --classes, --truncations, --layers and --photos")
    numbers = parse(seeds)
    gan = load_encoder(checkpoint, device) if photos else load(checkpoint, device)

    def one(start: int):
        own = [start + number for number in numbers]
        if classes is not None:
            return paths.classes_walk(gan, parse(classes), own[0], frames, loop, truncation, ema, seed)
        if truncations is not None:
            if len(truncations) != 2:
                raise ValueError("--truncations takes two strengths, such as [-1,1]")
            first, last = truncations
            return paths.truncation_walk(gan, own[0], first, last, frames, label, ema, seed)
        if layers is not None:
            chosen = parse(layers)
            return paths.mixing_walk(gan, own, (chosen[0], chosen[-1]), frames, kind, loop, truncation, ema, seed)
        if photos is not None:
            images = torch.stack([read_photo(path, gan.resolution) for path in photos])
            return paths.photos_walk(gan, images, frames, loop, ema)
        return paths.latents_walk(gan, own, frames, kind, loop, label, truncation, ema, seed)

    step = max(numbers) - min(numbers) + 1
    walks = [one(i * step) for i in range(columns * rows)]
    stops = len(photos or (parse(classes) if classes else numbers))
    total = 2 * frames if truncations else frames * (stops if loop else stops - 1)
    n = video.write(out, track(paths.beside(walks, columns), total), fps)
    print(f"{out}: {n} frames, {n / fps:.1f} s, at {gan.nimg / 1000:g} kimg")


def grow(run: Path, out: Path = Path("training.mp4"), fps: PositiveFloat = 6, hold: NonNegativeFloat = 1.5) -> None:
    """The samples of a run from the first to the last as a video; the stages of a growing model at one size.

    Args:
        run: The run's folder, such as runs/pggan/lfw-cpu-001.
        out: The video: .mp4 (h264), .gif or .webp.
        fps: Sheets a second.
        hold: Seconds for which the last one stays.
    """
    from zoo.pictures import growth, video

    video.check_kind(out)
    sheets = growth.sheets(run)
    n = video.write(out, growth.frames(sheets, round(hold * fps)), fps)
    print(f"{out}: {len(sheets)} sheets, {n / fps:.1f} s")


def explore(
    checkpoints: list[Path], port: Port = 7860, device: str = "cpu", share: bool = False, open_browser: bool = False
) -> None:
    """Play with checkpoints in the browser: latents, truncation, classes, styles, photos.

    The page is served to this machine alone and sends nothing anywhere.

    Args:
        checkpoints: One or several, shown side by side with the same latent.
        port: Of http://127.0.0.1:PORT; the next free one is taken.
        device: Where to compute, such as cuda.
        share: Ask Gradio's servers for a public link.
        open_browser: Open the page at once.
    """
    from zoo.explorer.page import build, serve

    serve(build(checkpoints, device), port, share, open_browser)
