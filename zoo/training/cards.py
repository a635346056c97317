"""A model's folder as the Hugging Face hub holds it, and its card, written from the results row."""

import json
from pathlib import Path
from typing import Any

from zoo.engine.gan import GAN
from zoo.engine.hub import PICTURE, WEIGHTS
from zoo.leaderboard.ranking import heading_of, in_tables, measured, ordered, value
from zoo.leaderboard.rows import read_row
from zoo.options.folders import as_path
from zoo.pictures.grids import sample_grid, save_grid
from zoo.training import safetensors

SAMPLES = 16


def save_folder(gan: GAN, folder: str | Path) -> None:
    """Write the model, or G where only that was loaded, and a picture of samples into a folder."""
    folder = as_path("save_folder", folder)
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.save(gan, folder / WEIGHTS, "G" if gan.only_G else None)
    images, columns = sample_grid(gan, SAMPLES, 0)
    save_grid(images, folder / PICTURE, columns)


def model_card(gan: GAN, row: str | Path | dict | None = None) -> str:
    """The card: what the model is, what it was trained on and scored by, its licence, and how to draw.

    Args:
        row: its results row or that row's file; None says that there is none.

    Raises:
        ValueError: if the file is no results row, or another paper's.
    """
    row = row if row is None or isinstance(row, dict) else read_row(as_path("model_card", row))
    imported = gan.origin.get("imported")
    name = imported["paper"] if imported else type(gan).__name__.lower()
    if row is not None and row["paper"] != name:
        raise ValueError(f"the row is one of {row['paper']}, the model is {name}: give the model's own row")
    licence = imported["licence"] if imported else "MIT"
    about = (type(gan).__module__ and __import__(type(gan).__module__, fromlist=["x"]).__doc__) or ""
    head = {"library_name": "gan-zoo", "tags": ["gan", "image-generation", name]}
    head["license"] = "mit" if licence == "MIT" else "other"
    classes = f", {gan.n_classes} classes" if gan.n_classes else ""
    label = ", label=0" if gan.n_classes else ""
    lines = [
        "---",
        *(f"{key}: {json.dumps(text)}" for key, text in head.items()),
        "---",
        "",
        f"# {type(gan).__name__}",
    ]
    lines += ["", about.strip().splitlines()[0] if about.strip() else "", ""]
    lines += [f"![uncurated samples]({PICTURE})", "", f"Images of {gan.resolution} px{classes}."]
    lines += ["", "## How to draw", "", "```python", "import zoo", "", "gan = zoo.load('model.safetensors')"]
    lines += [f"images = gan.sample(64{label})  # (64, 3, {gan.resolution}, {gan.resolution}) in [-1, 1]", "```"]
    lines += ["", "## Licence", "", licence]
    if imported:
        lines += [
            "",
            f"Imported from `{imported['file']}` (sha256 `{imported['sha256']}`) of {imported['source']}.",
        ]
    return "\n".join([*lines, "", *scored(row)]) + "\n"


def scored(row: dict[str, Any] | None) -> list[str]:
    """Data, conditions and numbers of a row."""
    if row is None:
        return ["## Results", "", "It was not scored: no results row was given."]
    data, training, conditions = row["data"], row["training"], row["conditions"]
    spread = row["metrics"].get("is_std")
    numbers = [
        f"| {heading_of(n)} | {value(n, row['metrics'][n], spread)} |"
        for n in ordered(set(row["metrics"]))
        if in_tables(n)
    ]
    told = {
        "data": f"{data['name']}, {data['n_images']:,} images of {data['resolution']} px, "
        f"`{data['fingerprint'][:12]}`",
        "training": f"{training['kimg']:g} thousand images, recipe {row['recipe']}, seed {training['seed']}, "
        f"precision {training['precision']}, {training['hardware']}",
        "measured": f"{measured(row)}, extractors {', '.join(sorted(conditions['extractors'])) or 'none'}",
        "code": f"commit {row['software']['commit'][:12]}, torch {row['software']['torch']}",
    }
    return [
        "## Results",
        "",
        *(f"- {key}: {text}" for key, text in told.items()),
        "",
        "| metric | value |",
        "| --- | --- |",
        *numbers,
    ]
