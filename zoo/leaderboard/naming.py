"""Names of rows' files. A run's own row has a name that follows from the run, so that it is written only once."""

import hashlib
import json
import re
import secrets
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from zoo.data.whole import PART
from zoo.evaluation.protocols import asked_of


def slug(name: str) -> str:
    """A paper's or recipe's name as part of a file's.

    Raises:
        ValueError: if nothing is left of it.
    """
    found = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    if not found:
        raise ValueError(f"{name!r} is no name for a paper or recipe: it needs a letter or a digit")
    return found


def token_of(run: str, nimg: int, asked: dict[str, Any] | None = None) -> str:
    """What the name of the row ends with that a run owes at an image count, so that it is written only once.

    Args:
        asked: the conditions that were asked for, where a run may be scored under others later.
    """
    words = f"{run}/{nimg}" + ("" if asked is None else f"/{json.dumps(asked, sort_keys=True)}")
    return hashlib.sha256(words.encode()).hexdigest()[:8]


def written(results_dir: str | Path, paper: str, token: str) -> Path | None:
    """The row of a token, if it is there."""
    return next((Path(results_dir) / slug(paper)).glob(f"*-{token}.json"), None)


def scored(results_dir: str | Path, paper: str, run: str, nimg: int, asked: dict[str, Any]) -> bool:
    """Whether a run has written its row of the conditions that are asked for; extras do not count."""
    if written(results_dir, paper, token_of(run, nimg, asked)):
        return True
    older = written(results_dir, paper, token_of(run, nimg))  # its name says nothing of the conditions
    try:
        return older is not None and asked_of(json.loads(older.read_text(encoding="utf-8"))["conditions"]) == asked
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # damaged
        return False


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
