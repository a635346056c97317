"""Names of rows' files. A run's own row has a name that follows from the run, so that it is written only once."""

import hashlib
import re
import secrets
from datetime import datetime, timezone
from pathlib import Path

from zoo.data.whole import PART


def slug(name: str) -> str:
    """A paper's or recipe's name as part of a file's.

    Raises:
        ValueError: if nothing is left of it.
    """
    found = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    if not found:
        raise ValueError(f"{name!r} is no name for a paper or recipe: it needs a letter or a digit")
    return found


def token_of(run: str, nimg: int) -> str:
    """What the name of the row ends with that a run owes at an image count, so that it is written only once."""
    return hashlib.sha256(f"{run}/{nimg}".encode()).hexdigest()[:8]


def written(results_dir: str | Path, paper: str, token: str) -> Path | None:
    """The row of a token, if it is there."""
    return next((Path(results_dir) / slug(paper)).glob(f"*-{token}.json"), None)


def file_for(folder: Path, name: str, token: str | None) -> Path:
    """`<name>-<time>-<token>.json` in a folder, which is made: of a token always the same file.

    What a writer of this token left behind when it was killed is taken away.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    if token is not None:
        for part in folder.glob(f"*-{token}*{PART}"):
            part.unlink(missing_ok=True)
        for known in sorted(folder.glob(f"*-{token}*")):  # its picture comes before the row
            stem = known.name[: known.name.index(f"-{token}")]
            return folder / f"{stem}-{token}.json"
    return folder / f"{name}-{stamp}-{token or secrets.token_hex(4)}.json"
