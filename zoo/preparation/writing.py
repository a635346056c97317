"""Zips of several resolutions written in step, so that a killed run goes on where it was.

Beside each destination lies a hidden `.part` file, and beside the largest a journal: one JSON line for each chunk
of source images, written after the chunk is on the disk. A new run with the same settings cuts the parts back to
the last line and goes on; the bytes are those of a run that was never killed. The zips appear whole, or not at all.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

try:
    import fcntl
except ImportError:  # Windows: two runs at once are not noticed there
    fcntl = None


def member_name(n: int, extension: str) -> str:
    """Where image n lies (StyleGAN2-ADA)."""
    return f"{n // 1000:05d}/img{n:08d}.{extension}"


def part_of(dest: Path) -> Path:
    """Where a zip lies while it is written."""
    return dest.with_name(f".{dest.name}.part")


def _info(name: str, data_size: int, crc: int, offset: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))  # no clock: the same input, the same bytes
    info.external_attr = 0o644 << 16
    info.create_system = 3
    info.header_offset, info.CRC = offset, crc
    info.file_size = info.compress_size = data_size
    return info


class Zips:
    """The zips of one `zoo data prepare`, one for each resolution.

    Args:
        dests: resolution -> file to write.
        settings: whatever decides about the bytes; a journal of other settings is thrown away.
        extension: of the images inside, without the dot.

    Attributes:
        done: how many images of the source are dealt with.
        records: what `add` was told about them, in order.
        finished: whether a killed run had everything written and only `commit` is left.

    Raises:
        FileExistsError: a destination is there already, or its unfinished zip of another command.
        BlockingIOError: another process is writing the same files.
    """

    def __init__(self, dests: dict[int, Path], settings: dict, extension: str) -> None:
        self.dests, self.extension = dests, extension
        self.parts = {r: part_of(dest) for r, dest in dests.items()}
        self.top = dests[max(dests)]
        self.journal_path = self.top.with_name(f".{self.top.name}.journal")
        self.settings = json.dumps(settings, sort_keys=True)
        self.done, self.records, self._crcs = 0, [], {r: [] for r in dests}
        self.journal: BinaryIO | None = None
        self.finished = self._finished()
        for dest in dests.values():
            if dest.exists() and not self.finished:
                raise FileExistsError(f"{dest} exists already: remove it or choose another destination.")
        for part in self.parts.values():
            if part.exists() and not self.journal_path.exists():  # another command's, which may be running
                raise FileExistsError(
                    f"{part} is no part of this command's work: remove it, or choose another destination."
                )
        self.top.parent.mkdir(parents=True, exist_ok=True)
        self.journal = self.journal_path.open("a+b")
        if fcntl:
            try:
                fcntl.lockf(self.journal, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not inherited by orphaned workers
            except OSError:
                self.journal.close()
                raise BlockingIOError(f"another process is preparing {self.top} right now: wait for it.") from None
        ends = self._replay()
        self.archives = {} if self.finished else {r: self._open(r, ends[r]) for r in dests}

    def _finished(self) -> bool:
        """Whether a killed run had everything written and was only renaming."""
        lines = self.journal_path.read_bytes().splitlines() if self.journal_path.exists() else []
        return bool(lines) and lines[0].decode() == self.settings and b'"finished"' in lines[-1]

    def _replay(self) -> dict[int, int]:
        """Read the journal, drop what does not belong to it; where each part ends."""
        self.journal.seek(0)
        whole, ends = 0, dict.fromkeys(self.dests, 0)
        for i, line in enumerate(self.journal):
            if not line.endswith(b"\n") or (i == 0 and line.decode().strip() != self.settings):
                break
            whole += len(line)
            entry = json.loads(line)
            if i and "done" in entry:
                self.done = entry["done"]
                self.records += entry["records"]
                for r in self.dests:
                    ends[r] = entry["ends"][str(r)]
                    self._crcs[r] += entry["members"][str(r)]
        sizes = {r: p.stat().st_size if p.exists() else 0 for r, p in self.parts.items()}
        if not self.finished and any(sizes[r] < ends[r] for r in self.dests):
            whole, self.done, self.records = 0, 0, []  # a part was removed by hand
            self._crcs, ends = {r: [] for r in self.dests}, dict.fromkeys(self.dests, 0)
        self.journal.truncate(whole)
        if not whole:
            self.journal.write(self.settings.encode() + b"\n")
            self.journal.flush()
        return ends

    def _open(self, resolution: int, end: int) -> zipfile.ZipFile:
        part = self.parts[resolution]
        with part.open("ab") as file:
            file.truncate(end)
        archive = zipfile.ZipFile(part, "a", zipfile.ZIP_STORED)  # no directory at its end: goes on behind it
        offset = 0
        for n, (size, crc) in enumerate(self._crcs[resolution]):
            info = _info(member_name(n, self.extension), size, crc, offset)
            offset += 30 + len(info.filename) + size
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
        return archive

    def add(self, done: int, images: list[dict[int, bytes]], records: list[Any]) -> None:
        """Write the images of one chunk of the source, of which `done` images are then dealt with."""
        entry = {"done": done, "records": records, "ends": {}, "members": {}}
        for r, archive in self.archives.items():
            first, members = len(self._crcs[r]), []
            for n, levels in enumerate(images, first):
                name = member_name(n, self.extension)
                self.write(r, name, levels[r])
                members.append([len(levels[r]), archive.NameToInfo[name].CRC])
            self._crcs[r] += members
            entry["members"][r], entry["ends"][r] = members, archive.start_dir
            _to_disk(archive.fp)
        self.journal.write(json.dumps(entry).encode() + b"\n")
        _to_disk(self.journal)
        self.done = done
        self.records += records

    def write(self, resolution: int, name: str, data: bytes) -> None:
        """One more member, the same bytes for the same data at any time."""
        self.archives[resolution].writestr(_info(name, 0, 0, 0), data)

    def stamps(self, resolution: int) -> Iterator[tuple[str, str]]:
        """(name, stamp as `Files` has it) of every image written."""
        for n, (size, crc) in enumerate(self._crcs[resolution]):
            yield member_name(n, self.extension), f"{crc:08x}:{size}"

    def commit(self) -> None:
        """Finish the zips and give them their names."""
        for archive in self.archives.values():
            archive.close()
        if not self.finished:
            self.journal.write(b'{"finished": true}\n')
            _to_disk(self.journal)
        for r, part in self.parts.items():
            if part.exists():
                part.rename(self.dests[r])
        self.close()
        self.journal_path.unlink()

    def discard(self) -> None:
        """Leave nothing behind."""
        self.close()
        for path in (*self.parts.values(), self.journal_path):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the files and leave them for another run to go on with."""
        for archive in self.archives.values():
            if archive.fp is not None:
                with suppress(OSError):  # of a full disk: what is not written yet is in no line of the journal
                    archive.fp.close()  # without a directory: `close` would write one
                archive.fp = None
        with suppress(OSError):
            self.journal.close()


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
