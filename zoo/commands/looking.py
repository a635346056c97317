"""What moves and what can be played with: walks as video, a run's growth, an explorer in the browser."""

from pathlib import Path
from typing import Any, Literal

from zoo.options import ranges
from zoo.options.heeded import check_heeded

#: what is walked through -> what of the options that only some walks heed
HEEDED = {
    "--seeds": {"seeds", "seed", "grid", "label", "truncation", "kind", "loop"},
    "--classes": {"seeds", "seed", "grid", "truncation", "loop"},
    "--truncations": {"seeds", "seed", "grid", "label"},
    "--layers": {"seeds", "seed", "grid", "truncation", "kind", "loop"},
    "--photos": {"loop"},
}
MOST = 100_000  # pictures of a walk: an hour of video


def walk(
    checkpoint: Path,
    out: Path = Path("walk.mp4"),
    seeds: str | None = None,
    frames: ranges.Steps = 60,
    fps: ranges.PositiveFloat = 30,
    kind: Literal["spherical", "spline", "linear"] | None = None,
    loop: bool | None = None,
    grid: str | None = None,
    label: ranges.NonNegativeInt | None = None,
    truncation: ranges.FiniteFloat | None = None,
    classes: str | None = None,
    truncations: list[ranges.FiniteFloat] | None = None,
    layers: str | None = None,
    photos: list[Path] | None = None,
    seed: ranges.Seed | None = None,
    ema: bool = True,
    device: str = "cpu",
) -> None:
    """Walk through a model as a video, noise held: between seeds, classes, strengths of truncation, styles, photos.

    Args:
        checkpoint: A run's checkpoints/last.ckpt or any other.
        out: The video: .mp4 (h264), .gif or .webp.
        seeds: Stops such as 4,17,8: cells of a sheet; 0-3 by default.
        frames: Frames from one stop to the next.
        fps: Frames a second, from 0.1 to 240, of a .gif to 50.
        kind: Along the sphere (by default), on a smooth curve through all stops, or on straight lines.
        loop: Return to the first stop, as is done by default.
        grid: Columns x rows of walks beside each other, such as 3x2; each takes the next seeds. One by default.
        label: One class for all; by default that of the first seed.
        truncation: Bound of the truncation trick; psi of StyleGAN.
        classes: Walk from class to class, such as 3,207,88, with the latent of the first seed.
        truncations: Walk between two strengths, such as [-1,1], with the latent of the first seed.
        layers: StyleGAN: only these layers walk, such as 0-3; the others keep the first seed's style.
        photos: IntroVAE: walk through photos, such as [a.png,b.png].
        seed: Names the latents, as a sheet's does; 0 by default.
        ema: Use the average of G where the model keeps one.
        device: Where to compute, such as cuda.
    """
    from zoo.options.bar import track
    from zoo.pictures import paths, video
    from zoo.pictures.seeds import parse

    video.check_kind(out, fps)
    columns, rows = _sides(grid or "1x1")
    ways = {"classes": classes, "truncations": truncations, "layers": layers, "photos": photos}
    ways = {name: way for name, way in ways.items() if way is not None}
    given = {"seeds": seeds, "seed": seed, "grid": grid, "label": label, "truncation": truncation}
    check_heeded(f"--{next(iter(ways), 'seeds')}", HEEDED, **given, kind=kind, loop=loop)
    numbers = parse(seeds or "0-3")
    gan, way, stops = _way(checkpoint, device, ways, out)
    total = 2 * frames if truncations else frames * ((stops or len(numbers)) - (loop is False))
    _check_size(out, total, columns, rows, gan.trained_stage.resolution)
    options = {"frames": frames, "kind": kind or "spherical", "loop": loop is not False, "label": label}
    options |= {"truncation": truncation, "ema": ema, "seed": seed or 0}
    walks = [paths.walk(gan, own, way, **options) for own in _side_by_side(numbers, columns * rows)]
    n = video.write(out, track(paths.beside(walks, columns), total), fps)
    print(f"{out}: {n} frames, {n / fps:.1f} s, at {gan.nimg / 1000:g} kimg")


def _check_size(out: Path, total: int, columns: int, rows: int, side: int) -> None:
    """Refuse a walk that nobody could wait for, or that memory does not hold."""
    from zoo.pictures import video

    if (pictures := total * columns * rows) > MOST:
        raise ValueError(
            f"{pictures:,} pictures are more than the {MOST:,} that a walk may have: take fewer --frames or stops, "
            "or a smaller --grid"
        )
    video.check_memory(out, total, rows * side, columns * side)


def _side_by_side(seeds: list[int], n: int) -> list[list[int]]:
    """The stops of n walks, each with the seeds after the last one's."""
    step = max(seeds) - min(seeds) + 1
    return [[i * step + seed for seed in seeds] for i in range(n)]


def _sides(grid: str) -> tuple[int, int]:
    """Columns and rows of a grid such as 3x2."""
    import re

    sides = re.fullmatch(r"(\d{1,5})x(\d{1,5})", grid)
    columns, rows = (int(sides[1]), int(sides[2])) if sides else (0, 0)
    if not 1 <= columns * rows <= ranges.SheetSize.high:
        most = f"{ranges.SheetSize.high:,}"
        raise ValueError(f"--grid is columns x rows, such as 3x2, at most {most} walks, not {ranges.shown(grid)}")
    return columns, rows


def _way(
    checkpoint: Path, device: str, ways: dict[str, Any], out: Path
) -> tuple[Any, tuple[str, Any] | None, int | None]:
    """The model, what it walks through if not through seeds, and the number of stops there."""
    import torch

    from zoo.data.files import check_unread
    from zoo.data.photos import read_photo
    from zoo.pictures.seeds import parse
    from zoo.training.loading import load, load_encoder

    if len(ways) > 1:
        raise ValueError("choose one of --classes, --truncations, --layers and --photos")
    name, value = next(iter(ways.items()), ("seeds", None))
    if name == "truncations" and len(value) != 2:
        raise ValueError("--truncations takes two strengths, such as [-1,1]")
    if name == "photos":
        check_unread("--out", out, *value)
    gan = load_encoder(checkpoint, device) if name == "photos" else load(checkpoint, device)
    if name == "photos":
        value = torch.stack([read_photo(path, gan.resolution) for path in value])
    elif name in ("classes", "layers"):
        given, value = value, parse(value)
        if name == "layers" and value != list(range(value[0], value[-1] + 1)):
            raise ValueError(f"--layers takes one run of layers, such as 0-3, not {ranges.shown(given)}")
    elif name == "truncations":
        for one in value:
            try:
                gan.indexed_latents(1, truncation=one)
            except ValueError as error:
                raise ValueError(f"--truncations {ranges.shown(value)}: {error}") from error
    return gan, None if name == "seeds" else (name, value), len(value) if name in ("classes", "photos") else None


def grow(
    run: Path, out: Path = Path("training.mp4"), fps: ranges.PositiveFloat = 6, hold: ranges.Pause = 1.5
) -> None:
    """The samples of a run from the first to the last as a video; the stages of a growing model at one size.

    Args:
        run: The run's folder, such as runs/pggan/lfw-cpu-001.
        out: The video: .mp4 (h264), .gif or .webp.
        fps: Sheets a second, from 0.1 to 240, of a .gif to 50.
        hold: Seconds for which the last one stays.
    """
    from zoo.pictures import growth, video

    video.check_kind(out, fps)
    sheets = growth.sheets(run)
    held = round(hold * fps)
    video.check_memory(out, len(sheets) + held, *growth.size(sheets))
    n = video.write(out, growth.frames(sheets, held), fps)
    print(f"{out}: {len(sheets)} sheets, {n / fps:.1f} s")


def explore(
    checkpoints: list[Path],
    port: ranges.Port = 7860,
    device: str = "cpu",
    share: bool = False,
    open_browser: bool = False,
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
