"""Files and folders that users name, looked at before anything is computed for them, and the zoo's own."""

import os
import tempfile
from pathlib import Path

from zoo.options.ranges import shown


def as_path(name: str, path: object) -> Path:
    """A path that a call from Python was given.

    Raises:
        ValueError: naming the argument, for what is none.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise ValueError(f"{name} takes the path of a file or folder, such as 'last.ckpt', not {shown(path)}")
    return Path(path)


def check_folder(option: str, folder: Path) -> Path:
    """Refuse a folder that cannot be made or written to; the folder that is there already, on the way to it.

    Raises:
        ValueError: naming the option.
    """
    way = folder.absolute()
    there = next(path for path in (way, *way.parents) if path.exists() or path.is_symlink())
    try:
        if not there.is_dir():
            raise NotADirectoryError(f"{there} is a file")
        with tempfile.TemporaryFile(dir=there):
            pass
        probe = tempfile.mkdtemp(dir=there) if there != way else None  # some file systems hold files, not folders
        if probe:
            os.rmdir(probe)
    except OSError as error:
        why = error.strerror or str(error)
        raise ValueError(f"{option} {folder} cannot be written to ({why}): choose another folder") from error
    return there


def check_file(option: str, path: Path, *endings: str) -> None:
    """Refuse a file that cannot be written, and one that does not end as its kind does.

    Raises:
        ValueError: naming the option.
    """
    if path.is_dir():
        raise ValueError(f"{option} {path} is a folder: name a file in it")
    if endings and path.suffix not in endings:
        raise ValueError(f"{option} {path} is no file of its kind: end it with {' or '.join(endings)}")
    check_folder(option, path.parent)


def recipes_folder() -> Path:
    """Where the scripts and recipes lie: `reproductions` of a checkout, or the copy within an installed package."""
    package = Path(__file__).parents[1]
    checkout = package.parent / "reproductions"
    return checkout if checkout.is_dir() else package / "reproductions"


def here_or_ours(path: str | Path) -> Path:
    """A path, or the zoo's own file of that name where it begins with `reproductions` and lies not here."""
    path, ours = Path(path), recipes_folder()
    if path.exists() or path.parts[:1] != (ours.name,):
        return path
    return ours.parent / path
