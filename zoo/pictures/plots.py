"""Figures with matplotlib, an optional dependency that only the commands that draw need."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.data.whole import replacing
from zoo.options.bar import track
from zoo.options.folders import check_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = (".png", ".pdf", ".svg", ".jpg", ".webp")
FILMS = (".gif",)


def figures() -> "type[Figure]":
    """What figures are made of.

    Raises:
        ValueError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError(
            "drawing needs matplotlib: pip install 'gan-zoo[plots]', or pip install matplotlib"
        ) from error
    return Figure


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of a size in inches, without any window or global state.

    Raises:
        ValueError: if matplotlib is not installed.
    """
    return figures()(figsize=(width, height), layout="constrained")


def check_figure(path: Path, option: str = "--out", kinds: tuple[str, ...] = FIGURES) -> None:
    """Refuse a file that no figure can be written to, before anything is computed.

    Raises:
        ValueError: naming the option, for an ending that is no figure's, for a folder, and within one that cannot
            be written to; and if matplotlib is not installed.
    """
    if path.suffix.lower() not in kinds or path.is_dir():
        raise ValueError(
            f"{option} {path} is no {'film' if kinds is FILMS else 'figure'}: end it with {', '.join(kinds)}"
        )
    check_folder(option, path.parent)
    figures()


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure; the ending of `path` chooses the format. Folders are made.

    Raises:
        ValueError: for an ending that matplotlib does not know.
    """
    check_figure(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        figure.savefig(part, dpi=140, format=path.suffix[1:] or "png")


def save_film(figure: "Figure", draw: Callable[[int], list], frames: Iterable[int], out: Path, fps: int) -> None:
    """Write a GIF of what `draw` draws into the figure for each of the frames."""
    from matplotlib.animation import FuncAnimation, PillowWriter

    out.parent.mkdir(parents=True, exist_ok=True)
    frames = list(frames)
    drawn = track(frames, len(frames), what="frames")
    film = FuncAnimation(figure, draw, frames, blit=False)
    film.save(out, PillowWriter(fps=fps), progress_callback=lambda *_: next(drawn, None))
    drawn.close()
