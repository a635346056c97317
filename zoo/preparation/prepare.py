"""`zoo data prepare`: a data set as people have it becomes zips at the resolutions that training wants.

The zips follow StyleGAN2-ADA (stored images at `NNNNN/imgNNNNNNNN.png`, labels in `dataset.json`) and carry a
`manifest.json` that the loader checks. The same input gives the same bytes (with the same Pillow), by any number of
workers, killed on the way or not.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import PIL

from zoo.data.files import listing_hash
from zoo.data.images import loader
from zoo.data.kinds import KINDS, Kind
from zoo.options.bar import track
from zoo.preparation.making import Settings, Work, estimate
from zoo.preparation.pixels import FILTERS, FORMATS, crop_of
from zoo.preparation.report import Report, check_report
from zoo.preparation.sources import Source, open_source
from zoo.preparation.writing import Zips, part_of

TOOL = "zoo data prepare, version 2"  # raise it when other bytes come out
CHUNK = 64  # images that a worker hands over at once


def prepare(
    kind: str,
    source: str | Path,
    dest: str | Path,
    resolution: int | None = None,
    pyramid: bool = False,
    crop: str | None = None,
    filter: str | None = None,
    format: str = "png",
    min_side: int | None = None,
    split: str | None = None,
    limit: int | None = None,
    duplicates: str = "keep",
    workers: int | None = None,
    download: bool = False,
    stretch: bool = False,
) -> Report:
    """Write the images at `source` to the zip `dest` as RGB squares of `resolution` pixels.

    Args:
        kind: a key of `KINDS`, whose crop and filter are the defaults.
        source: what is on the disk: see `zoo.preparation.sources`.
        dest: the zip; {resolution} in it is replaced by the resolution. It appears whole at the end or not at all.
        resolution: side of the written images in pixels.
        pyramid: also write every power of two below it, down to 4 px, by 2x2 means, each to a zip of its own.
        crop: "center", "none" (squares only), "center-N", "celeba" or "wide".
        filter: "mean" (repeated 2x2 means) or one of Pillow's filters.
        format: "png" or "webp" (lossless).
        min_side: leave out images with a shorter side than this; by default what the crop needs.
        split: of sources that have several.
        limit: take only the first images of the source.
        duplicates: "keep" lists images with the same pixels as an earlier one, "drop" leaves them out.
        workers: processes; as many as there are cores by default.
        download: fetch what torchvision can fetch.
        stretch: bring each image's least and greatest value to 0 and 255, as SNGAN's ImageNet had it.

    Raises:
        MissingDataset: nothing is at `source`.
        FileExistsError: `dest` exists, or a file that is not the zoo's where its report would go.
        OSError: the disk is too small.
        ValueError: an option is not one of its values, the source was resized by another filter, or no image can
            be used.
    """
    about = _kind(kind, filter, format, duplicates)
    resolution = _resolution(about.resolution if resolution is None else resolution, limit)
    crop, filter = crop or about.crop, filter or about.filter
    crop_of(crop)
    dests = _dests(Path(dest), resolution, pyramid)
    opened, split = _checked(kind, Path(source), split, download)
    _check_made(source, opened.made, dests, filter)
    least = 0 if crop == "wide" else resolution  # a wide crop is as wide as the image, which may be lower
    settings = Settings(tuple(dests), crop, filter, max(min_side or 0, least), format, stretch)
    identity = {"tool": TOOL, "pillow": PIL.__version__, "kind": kind, "split": split, "limit": limit}
    identity |= {"duplicates": duplicates, "source": opened.stamp} | vars(settings)
    count = min(len(opened), limit or len(opened))
    work = Work(opened, settings)
    _check_disk(dests, estimate(work, count, Path(source)))
    zips, facts = Zips(dests, identity, format), {"kind": kind, "split": split, "source": Path(source).name}
    _write(zips, work, count, workers, duplicates == "drop", facts)
    return _report(dests[resolution], zips.records, opened, count, limit, split)


def _write(zips: Zips, work: Work, count: int, workers: int | None, drop: bool, facts: dict[str, str]) -> None:
    """Make what the zips lack and put them in place; what was made is kept unless the images are at fault."""
    try:
        if not zips.finished:
            _run(work, count, zips, drop, os.cpu_count() or 1 if workers is None else workers)
            _finish(zips, work.source, work.settings, facts)
        zips.commit()
    except ValueError:
        zips.discard()
        raise
    except KeyboardInterrupt:
        zips.close()
        raise KeyboardInterrupt("what is done is kept, and the same command goes on") from None
    except BaseException as error:
        zips.close()
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise OSError(
                f"the disk of {zips.top} is full: make room and give the same command again, what is done is kept."
            ) from error
        raise


def _kind(kind: str, filter: str | None, format: str, duplicates: str) -> Kind:
    for name, value, values in (
        ("data set", kind, tuple(KINDS)),
        ("filter", filter or "mean", FILTERS),
        ("format", format, FORMATS),
        ("duplicates", duplicates, ("keep", "drop")),
    ):
        _check_choice(name, value, values)
    return KINDS[kind]


def _resolution(resolution: int | None, limit: int | None) -> int:
    if resolution is None:
        raise ValueError("say how large the images shall be, such as --resolution 128.")
    for name, value in (("resolution", resolution), ("limit", 1 if limit is None else limit)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")
    return resolution


def _check_choice(name: str, value: str, values: tuple[str, ...]) -> None:
    if value not in values:
        raise ValueError(f"{name} {value!r} does not exist: choose one of {', '.join(values)}.")


def _dests(dest: Path, resolution: int, pyramid: bool) -> dict[int, Path]:
    """Resolution -> zip, falling."""
    if dest.suffix != ".zip":
        raise ValueError(f"{dest} would not be a zip: give a destination that ends in .zip.")
    check_report(Path(str(dest).replace("{resolution}", str(resolution))))
    if not pyramid:
        return {resolution: Path(str(dest).replace("{resolution}", str(resolution)))}
    if "{resolution}" not in dest.name:
        raise ValueError(
            f"a pyramid is one zip for each resolution: put {{resolution}} into the name, such as "
            f"{dest.with_name(dest.stem + '-{resolution}.zip')}."
        )
    if resolution < 4 or resolution & (resolution - 1):
        raise ValueError(f"a pyramid goes by powers of two from 4 px on, not to {resolution}.")
    sizes = [2**k for k in range(resolution.bit_length() - 1, 1, -1)]
    return {r: Path(str(dest).replace("{resolution}", str(r))) for r in sizes}


def _checked(kind: str, path: Path, split: str | None, download: bool) -> tuple[Source, str]:
    """The source, and the split that was asked for or is the usual one."""
    counts = KINDS[kind].counts
    chosen = split or next(iter(counts or ["train"]))
    if counts and "all" in counts and chosen != "all":
        raise ValueError(f"{KINDS[kind].title} is prepared as a whole: leave out --split and give it to training.")
    opened = open_source(kind, path, chosen, download)
    if split and not counts and not opened.split:
        raise ValueError(f"{path} is not divided into splits: leave out --split.")
    return opened, chosen


def filter_of(made: dict) -> str | None:
    """The filter by which a set of that manifest was resized, if it was."""
    return made.get("filter") if made.get("resized", True) else None


def _check_made(source: str | Path, made: dict, dests: dict[int, Path], filter: str) -> None:
    """Refuse to resize a prepared set by another filter than it was made by: the manifest could name but one."""
    before = filter_of(made)
    if before and filter not in (before, "mean") and set(dests) != {made["resolution"]}:
        raise ValueError(
            f"{source} was resized with the filter {before} (manifest.json), and would be with {filter} once more: "
            f"give --filter {before}, or prepare the originals."
        )


def _check_disk(dests: dict[int, Path], need: int) -> None:
    """OSError where the disk is too small for what is not there yet."""
    parts = [part for dest in dests.values() if (part := part_of(dest)).exists()]
    need = int(need * 1.05) - sum(part.stat().st_size for part in parts)
    folder = max(dests.items())[1].parent
    free = shutil.disk_usage(next(p for p in (folder, *folder.absolute().parents) if p.exists())).free
    if need > free:
        raise OSError(
            f"about {need / 1e9:.1f} GB will be written to {folder}, where {free / 1e9:.1f} GB are free: "
            "choose another destination, --format webp, or a lower resolution."
        )


def _run(work: Work, count: int, zips: Zips, drop: bool, workers: int) -> None:
    known = {r["digest"]: r["i"] for r in reversed(zips.records) if "digest" in r}
    chunks = [range(i, min(i + CHUNK, count)) for i in range(zips.done, count, CHUNK)]
    workers = min(workers, len(chunks) - 1) if count - zips.done > 4 * CHUNK else 0  # starting them costs a second
    parts = zip(chunks, loader(work, chunks, max(0, workers), stops=True), strict=True)
    for chunk, (images, records) in track(parts, count - zips.done, lambda part: len(part[0]), zips.top.name):
        kept, made = [], iter(images)
        for record in records:
            if "digest" not in record:
                continue
            image, first = next(made), known.setdefault(record["digest"], record["i"])
            if first != record["i"]:
                record["same_as"] = first
            if first != record["i"] and drop:
                record["skip"] = f"has the same pixels as {work.source.names[first]}"
            else:
                kept.append(image)
        zips.add(chunk.stop, kept, records)


def _finish(zips: Zips, source: Source, settings: Settings, facts: dict) -> None:
    """dataset.json and manifest.json of every level."""
    used = [r for r in zips.records if "skip" not in r]
    if not used:
        raise ValueError("no image of the source could be used.")
    labels = [r["label"] for r in used] if source.labels is not None else None
    per_class = Counter(labels or [])
    top_resized = sum(u["resized"] for u in used)
    before = filter_of(source.made)
    for r in settings.resolutions:
        stamps = list(zips.stamps(r))
        pairs = None if labels is None else [[name, c] for (name, _), c in zip(stamps, labels, strict=True)]
        zips.write(r, "dataset.json", json.dumps({"labels": pairs}).encode())
        below = r < settings.resolutions[0] and r not in source.levels  # made by means, whatever made the first
        resized = len(used) if below else 0 if r in source.levels else top_resized
        manifest = {
            "tool": TOOL,
            "pillow": PIL.__version__,
            **facts,
            "layout": source.layout,
            "source_sha256": source.stamp,
            "images": len(used),
            "skipped": len(zips.records) - len(used),
            "odd": dict(sorted(Counter(note for u in used for note in u["notes"]).items())),
            "encodings": dict(sorted(Counter(u["as"] for u in used).items())),
            "duplicates": sum("same_as" in u for u in used),
            "classes": list(source.classes),
            "per_class": {str(c): per_class[c] for c in sorted(per_class)},
            "resolution": r,
            "crop": settings.crop,
            "filter": before or (settings.filter if top_resized else "mean" if resized else None),
            "resized": resized or (len(used) if before else 0),
            "stretch": settings.stretch or bool(source.made.get("stretch")),
            "pyramid_of": settings.resolutions[0] if below else None,
            "min_side": settings.min_side,
            "listing_sha256": listing_hash((*s, c) for s, c in zip(stamps, labels or "-" * len(used), strict=True)),
        }
        zips.write(r, "manifest.json", json.dumps(manifest, indent=1).encode())


def _report(dest: Path, records: list[dict], source: Source, count: int, limit: int | None, split: str) -> Report:
    with zipfile.ZipFile(dest) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    named = {r["i"]: source.names[r["i"]] for r in records if "skip" in r or "same_as" in r}
    skipped = [f"{named[r['i']]} {r['skip']}" for r in records if "skip" in r]
    same = [
        f"{named[r['i']]} has the same pixels as {source.names[r['same_as']]}"
        for r in records
        if "same_as" in r and "skip" not in r
    ]
    wanted = (KINDS[manifest["kind"]].counts or {}).get(split)
    report = Report(dest, manifest, skipped, same, source.ignored)
    if wanted and limit is None and count != wanted:
        report = replace(report, warning=f"{KINDS[manifest['kind']].title} has {wanted:,} images, not {count:,}")
    report.write()
    return report
