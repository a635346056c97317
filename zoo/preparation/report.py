"""What `zoo data prepare` says at its end."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from zoo.data.whole import write_whole

SHOWN = 10  # of each list; the file beside the zip has all
HEAD = "zoo data prepare: what was odd in "  # by which a report is known as ours


def report_of(dest: Path) -> Path:
    """Where the report of a zip goes, beside it."""
    return dest.with_suffix(".report.txt")


def check_report(dest: Path) -> None:
    """Refuse a zip whose report would take the place of somebody's own file.

    Raises:
        FileExistsError: naming that file.
    """
    file = report_of(dest)
    if os.path.lexists(file) and not (file.is_file() and file.read_bytes().startswith(HEAD.encode())):
        raise FileExistsError(
            f"{file} is there already, where the report of {dest.name} would go: move it away, or choose another "
            "destination."
        )


@dataclass
class Report:
    """What was written and what was odd.

    Attributes:
        manifest: content of the zip's manifest.json.
        skipped: one line for each image left out, naming it and the reason.
        same: one line for each image that is kept although an earlier one has the same pixels.
        ignored: files that are no images.
        warning: what a user should look into.
    """

    dest: Path
    manifest: dict
    skipped: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    warning: str = ""

    @property
    def file(self) -> Path:
        """Where the whole lists go; beside the zip, and only if there is something to list."""
        return report_of(self.dest)

    def _lists(self) -> list[tuple[str, list[str]]]:
        return [("left out", self.skipped), ("twice", self.same), ("no image, ignored", self.ignored)]

    def write(self) -> None:
        """The whole lists, as a text file in the place of an earlier zip's."""
        lines = [f"{title}: {line}" for title, entries in self._lists() for line in entries]
        check_report(self.dest)  # somebody may have written one meanwhile
        if lines:
            write_whole(self.file, "\n".join([HEAD + self.dest.name, *lines]) + "\n")
        else:
            self.file.unlink(missing_ok=True)

    def __str__(self) -> str:
        m = self.manifest
        classes = f" in {len(m['per_class'])} classes" if m["per_class"] else ""
        how = f"crop {m['crop']}, " + (f"filter {m['filter']}" if m["resized"] else "no resizing")
        odd = "".join(f", {n:,} {note}" for note, n in m["odd"].items())
        lines = [
            f"{self.dest}: {m['images']:,} images{classes} at {m['resolution']} px ({how}), "
            f"{m['skipped']:,} skipped{odd}"
        ]
        for title, entries in self._lists():
            lines += [f"  {title}: {line}" for line in entries[:SHOWN]]
            if len(entries) > SHOWN:
                lines.append(f"  {title}: and {len(entries) - SHOWN:,} more, see {self.file}")
        return "\n".join(lines + ([f"  note: {self.warning}"] if self.warning else []))
