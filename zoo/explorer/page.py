"""The page of `zoo explore`, with Gradio: controls at the left, one picture a checkpoint at the right."""

import json
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image

from zoo.data.photos import read_photo
from zoo.data.whole import write_whole
from zoo.explorer import playing
from zoo.explorer.playing import Controls, Shelf
from zoo.pictures.encoded import direction
from zoo.pictures.grids import save_picture
from zoo.pictures.seeds import LAST
from zoo.training.run import data_of

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when Gradio is imported


def gradio() -> Any:
    """The package.

    Raises:
        ValueError: if it is not installed.
    """
    try:
        import gradio as gr
    except ImportError as error:
        raise ValueError("the explorer needs gradio: pip install 'gan-zoo[explore]'") from error
    return gr


def told(work: Callable[[], list], empty: int) -> list:
    """What `work` gives and no complaint, or `empty` times nothing and what is wrong in a sentence."""
    try:
        return [*work(), ""]
    except (ValueError, OSError) as error:
        return [*[None] * empty, f"**{error}**"]


def kept(folder: Path, name: str, picture: np.ndarray, about: dict) -> list[str]:
    """Write a picture and what it was made of, to be downloaded; their paths."""
    image, text = folder / f"{name}.png", folder / f"{name}.json"
    save_picture(Image.fromarray(picture), image)
    write_whole(text, json.dumps(about, indent=2) + "\n")
    return [str(image), str(text)]


def controls(gr: Any, models: list) -> list:
    """The controls of the latent, in the order of `Controls`'s making in `read`; absent powers are hidden."""
    classes = max(gan.n_classes for gan in models)
    layers = max(playing.layers_of(gan) for gan in models)
    last = max(layers - 1, 1)
    made = [
        gr.Number(0, label="seed", precision=0, minimum=0, elem_id="seed"),
        gr.Number(1, label="other seed", precision=0, minimum=0, elem_id="other"),
        gr.Slider(0, 1, 0, step=0.01, label="from seed to other seed", elem_id="t"),
        gr.Checkbox(False, label="truncate", elem_id="truncate"),
        gr.Slider(-1 if layers else 0.05, 2, 0.7, step=0.05, label="truncation", elem_id="truncation"),
        gr.Number(-1, label="class (-1: the seed's own)", precision=0, elem_id="label", visible=bool(classes)),
        gr.Checkbox(
            True, label="average of G", elem_id="average", visible=any(g.G_ema is not None for g in models)
        ),
        gr.Checkbox(True, label="noise", elem_id="noise", visible=bool(layers)),
        gr.Checkbox(False, label="mix: layers of the other seed", elem_id="mix", visible=bool(layers)),
        gr.Slider(0, last, 0, step=1, label="first layer", elem_id="first", visible=bool(layers)),
        gr.Slider(0, last, min(3, last), step=1, label="last layer", elem_id="last", visible=bool(layers)),
        gr.Number(0, label="coordinate of the latent", precision=0, minimum=0, elem_id="axis"),
        gr.Slider(-4, 4, 0, step=0.1, label="added to it", elem_id="shift"),
    ]
    return made


def read(values: list) -> Controls:
    """The controls' values as `Controls`.

    Raises:
        ValueError: for a number that was left empty, or a seed or class beyond what numbers of the zoo reach.
    """
    if any(value is None for value in values):
        raise ValueError("a number is missing: fill every field")
    seed, other, t, truncate, truncation, label, average, noise, mixed, first, last, axis, shift = values
    for name, value in (("seed", seed), ("other seed", other), ("class", label)):
        if not (value >= 0 or name == "class") or value > LAST:
            raise ValueError(f"{name} takes a number from 0 to {LAST:,}")
    layers = (int(min(first, last)), int(max(first, last))) if mixed else None
    return Controls(
        int(seed), int(other), t, truncation if truncate else None, None if label < 0 else int(label),
        average, noise, layers, int(axis), shift,
    )  # fmt: skip


def latent_tab(gr: Any, page: Any, shelf: Shelf, models: list, folder: Path) -> None:
    """Pictures of one latent by every checkpoint, their files, and the nearest training images."""
    names = list(shelf.paths)

    def show(*values: Any) -> list:
        def work() -> list:
            asked = read(list(values))
            found = [playing.picture(shelf[name], asked) for name in names]
            files = []
            for i, (name, image) in enumerate(zip(names, found, strict=True)):
                about = {"checkpoint": str(shelf.paths[name]), **vars(asked)}
                files += kept(folder, f"seed{asked.seed:06d}-{i}", image, about)
            return [*found, files]

        return told(work, len(names) + 1)

    def neighbours(*values: Any) -> list:
        def work() -> list:
            run = playing.run_of(shelf.paths[names[0]])
            if not (run / "config.yaml").is_file():
                raise ValueError(f"there is no {run / 'config.yaml'} that would say what the data were")
            gan = shelf[names[0]]
            data = data_of(yaml.safe_load((run / "config.yaml").read_text()))
            data.enter(gan.trained_stage)
            data.setup("fit")
            near = playing.nearest(data.batches(256), playing.picture(gan, read(list(values))))
            return [[(image.permute(1, 2, 0).numpy(), f"image {i}") for i, image in near]]

        return told(work, 1)

    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            made = controls(gr, models)
        with gr.Column(scale=2):
            with gr.Row():
                shown = [
                    gr.Image(label=name, format="png", elem_id=f"picture-{i}", interactive=False)
                    for i, name in enumerate(names)
                ]
            status = gr.Markdown(elem_id="status")
            files = gr.Files(label="pictures and what they were made of", elem_id="files", interactive=False)
            near = gr.Gallery(label="nearest training images", columns=5, elem_id="nearest", height=160)
            find = gr.Button("find the nearest training images", elem_id="find")
    out = [*shown, files, status]
    for control in made:
        control.change(show, made, out, show_progress="hidden", trigger_mode="always_last")
    find.click(neighbours, made, [near, status])
    page.load(show, made, out)


def photo_tab(gr: Any, shelf: Shelf, name: str) -> None:
    """A photo in, its reconstruction out, moved along what some photos have and others lack."""

    def photos(files: list[str] | None) -> torch.Tensor:
        return torch.stack([read_photo(file, shelf[name].resolution) for file in files or []])

    def show(photo: str | None, having: list[str] | None, lacking: list[str] | None, strength: float) -> list:
        def work() -> list:
            if photo is None:
                return [None]
            gan = shelf[name]
            if bool(having) != bool(lacking):
                raise ValueError("an attribute needs photos that have it and photos that lack it")
            vector = direction(gan, photos(having), photos(lacking)) if having else None
            return [playing.reconstruction(gan, read_photo(photo, gan.resolution), vector, strength, True)]

        return told(work, 1)

    with gr.Row():
        with gr.Column():
            photo = gr.File(label="a photo", elem_id="photo")
            having = gr.Files(label="photos that have an attribute", elem_id="having")
            lacking = gr.Files(label="photos that lack it", elem_id="lacking")
            strength = gr.Slider(-2, 2, 1, step=0.1, label="strength", elem_id="strength")
        with gr.Column():
            image = gr.Image(label="reconstruction", format="png", elem_id="reconstruction", interactive=False)
            status = gr.Markdown(elem_id="photo-status")
    given = [photo, having, lacking, strength]
    for control in given:
        control.change(show, given, [image, status], show_progress="hidden")


def build(paths: list[Path], device: str = "cpu") -> Any:
    """The page for these checkpoints.

    Raises:
        FileNotFoundError, ValueError: if one is none, or Gradio is not installed.
    """
    gr = gradio()
    shelf = Shelf(paths, device)
    models = [shelf[name] for name in shelf.paths]
    files = tempfile.TemporaryDirectory(prefix="zoo-explore-")  # gone with the process
    with gr.Blocks(title="zoo explore", analytics_enabled=False) as page:
        gr.Markdown("# zoo explore")
        with gr.Tab("latents"):
            latent_tab(gr, page, shelf, models, Path(files.name))
        for name, gan in zip(shelf.paths, models, strict=True):
            if hasattr(gan, "encode"):
                with gr.Tab(f"photos: {name}"):
                    photo_tab(gr, shelf, name)
                break
    page.files = files
    return page


def serve(page: Any, port: int = 7860, share: bool = False, open_browser: bool = False, wait: bool = True) -> str:
    """Serve the page on 127.0.0.1, at the first free port from `port` on; its address.

    Raises:
        ValueError: if none of twenty is free.
    """
    for number in range(port, port + 20):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", number)):
                break
    else:
        raise ValueError(f"no free port from {port} to {port + 19}: give another --port")
    _, address, _ = page.launch(
        server_name="127.0.0.1", server_port=number, share=share, inbrowser=open_browser, quiet=True,
        prevent_thread_lock=True,
    )  # fmt: skip
    print(f"zoo explore: {address} (Ctrl-C ends it)", flush=True)
    if wait:
        page.block_thread()
    return address
