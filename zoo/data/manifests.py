"""What a prepared set says of itself, held against what a run asks for."""

import hashlib
import json
from pathlib import Path

from zoo.data.images import Images


def check_manifest(
    path: str | Path, manifest: dict, resolution: int, filter: str | None, stretch: bool | None
) -> None:
    """Refuse files that `zoo data prepare` made otherwise than asked for; None asks for nothing.

    Raises:
        ValueError: naming the file, what differs and the mend.
    """
    stored = manifest.get("resolution", resolution)
    if stored != resolution:
        raise ValueError(
            f"{path} was prepared at {stored} px (manifest.json), not {resolution}: "
            f"set resolution to {stored} or prepare it at {resolution} with `zoo data prepare`."
        )
    made_by = manifest.get("filter")
    resized = made_by and manifest.get("resized", True)
    alike = {filter, *({"mean", "box"} if filter in ("mean", "box") else ())}
    if filter and resized and made_by not in alike:
        raise ValueError(
            f"{path} was resized with the filter {made_by} (manifest.json), this run wants {filter}, and "
            f"FID depends on it: prepare it with `--filter {filter}`, or set filter to {made_by}."
        )

    made = bool(manifest.get("stretch"))
    if stretch is not None and made != stretch:
        state, option = ("stretched to 0..255", "") if made else ("not stretched to 0..255", " --stretch true")
        raise ValueError(
            f"images of {path} were {state} when they were prepared, this run wants the opposite: prepare it by "
            f"`zoo data prepare{option}`, or set stretch to {str(made).lower()}."
        )


def fingerprint(images: Images, resolution: int, first: bool) -> str:
    """sha256 (hex) over names, checksums (in a zip) and sizes of the images, labels, count and resolution.

    Args:
        first: the images are the first ones of a larger set, not a random choice.
    """
    labels = None if images.labels is None else hashlib.sha256(images.labels.numpy().tobytes()).hexdigest()
    parts = [images.content, labels, len(images), resolution, *(["first"] if first else [])]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def note_fingerprint(known: dict[int, str], new: str, name: str, resolution: int, first: bool) -> None:
    """Note in `known` what the data set is at this resolution; refuse another one than it has there.

    Args:
        known: fingerprints by resolution, here or in the run that wrote the checkpoint.
        first: this resolution is opened first, so the checkpoint must know it; later ones of a growing model may
            be new.

    Raises:
        ValueError: if the data set changed under the checkpoint.
    """
    if first and known and resolution not in known:
        raise ValueError(
            f"the data set changed under the checkpoint: {name} is opened at {resolution} px, the "
            f"checkpoint was trained at {', '.join(map(str, sorted(known)))} px; give the same resolution, "
            "or start a new run."
        )
    if known.setdefault(resolution, new) != new:
        raise ValueError(
            f"the data set changed under the checkpoint: {name} at {resolution} px has fingerprint "
            f"{new[:12]}, the checkpoint was trained on {known[resolution][:12]}; give it the same files, "
            "labels and limit, or start a new run."
        )
