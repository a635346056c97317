"""Files that are whole: who looks sees the old file or the new one, whatever fills up or is killed meanwhile."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = ".part"  # behind the name of a file that is not finished yet


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A name to write to; what stands there in the end takes the place of `path` in one step.

    Each thread writes a file of its own, so several may write the same path. An exception, such as of a full disk,
    takes the unfinished file away; a kill leaves it, with `PART` at the end of its name, for `leftovers`.

    Raises:
        OSError: if it cannot be written; `path` is then as it was.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}{PART}")
    try:
        yield part
        with part.open("rb+") as file:  # a disk that is full may say so as late as here
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Replace `path` by `content`, text as UTF-8 with plain line feeds, in one step.

    Raises:
        OSError: if it cannot be written; `path` is then as it was.
    """
    with replacing(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def leftovers(folder: Path) -> list[Path]:
    """Unfinished files anywhere in a folder: of a process that was killed, if nobody writes there now."""
    return sorted(folder.rglob(f"*{PART}"))
