"""What real images score against real images."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.options.ranges import PositiveInt, Processes

if TYPE_CHECKING:
    from zoo.data import ImageDataModule
    from zoo.data.images import Images


def floor(
    recipe: Path,
    data: str | None = None,
    held_out: str | None = None,
    n_fake: PositiveInt | None = None,
    n_real: PositiveInt | None = None,
    n_seeds: PositiveInt = 3,
    extractors: list[str] | None = None,
    weights: Path | None = None,
    results_dir: Path | None = Path("results"),
    threads: Processes | None = None,
) -> None:
    """Score real images against a recipe's reference, as its models are scored: the floor under every distance.

    Args:
        recipe: Such as reproductions/pggan/lfw-cpu.yaml; its data and its way of scoring are taken.
        data: Folder or zip of the images, or several as '[a.zip,b.zip]', instead of the recipe's.
        held_out: Real images in the place of fakes: a folder or zip, or `unseen` for those that the set itself
            keeps from training (its test images, or what `limit` leaves out); by default images of the recipe's set
            that are not in the reference.
        n_fake: Real images in the place of fakes; the recipe's number by default.
        n_real: Real images of the reference; the recipe's number by default.
        n_seeds: Choices of the former, for the spread; one where two would share most of their images.
        extractors: As of `zoo evaluate`; the recipe's by default.
        weights: File of the Inception weights; the recipe's by default.
        results_dir: Folder of the row; null writes none.
        threads: CPU threads of PyTorch.
    """
    import torch

    from zoo.evaluation.extractors import DEFAULT, check_name
    from zoo.evaluation.floors import floor as score
    from zoo.evaluation.protocols import OPTIONS, PROTOCOLS
    from zoo.leaderboard.rows import check_writable, make_row, write_row
    from zoo.options.checked import check
    from zoo.training.evaluate import Evaluate

    if threads:
        torch.set_num_threads(threads)
    if results_dir:
        check_writable(results_dir)
    config, opened = _data_of(recipe, data)
    given = {k: v for k, v in (config.get("evaluation") or {}).items() if v is not None}
    check(Evaluate, (), given)
    named, weights = list(extractors or given.get("extractors") or DEFAULT), weights or given.get("weights")
    for name in named:
        check_name(name, weights)
    reals = opened()
    others = _held_out(reals, held_out, opened)
    own = PROTOCOLS[given.get("protocol", "zoo")]
    n_fake, n_real = n_fake or given.get("n_fake") or own.n_fake, n_real or given.get("n_real") or own.n_real
    about = {k: v for k, v in given.items() if k in {"protocol", *OPTIONS} - {"n_fake", "n_real", "n_is"}}
    result = score(reals, named, n_fake, n_real, others, n_seeds, weights=weights, **about)
    _say(result)
    if results_dir:
        kind = f"{recipe.stem}-{'held-out' if held_out else 'others'}"
        row = make_row("real", kind, reals, result, {"nimg": 0}, {"data": config["data"]})
        # no distance depends on labels: the floor is that of both
        row["data"]["same_images"] = [opened(labels=on, memory_gib=0).fingerprint for on in (True, False)]
        print(f"results row: {write_row(row, results_dir)}")


def _say(result: dict[str, dict]) -> None:
    from zoo.evaluation.folders import absences

    for name, value in result["metrics"].items():
        print(f"{name:36} {value:.4g}" + (f" ± {result['spread'][name]:.2g}" if "spread" in result else ""))
    print("\n".join(absences(result)))


def _data_of(recipe: Path, data: str | None) -> tuple[dict, Callable[..., "ImageDataModule"]]:
    """A recipe's configuration, and what opens its data, or other images in their place, with changed options."""
    from zoo.options.folders import here_or_ours
    from zoo.training.recipes import compose
    from zoo.training.run import data_given, data_of

    recipe = here_or_ours(recipe)
    if not recipe.is_file():
        raise FileNotFoundError(f"no recipe at {recipe}; they are reproductions/<paper>/<recipe>.yaml")
    whole = recipe.with_name("paper.yaml")
    config = compose(whole if whole.is_file() else None, ["--config", str(recipe)])[0]
    section = config.get("data")
    if not section or "resolution" not in (config.get("model") or {}):
        raise ValueError(f"{recipe} names no data of its own, or no resolution: take a recipe that does")
    if data and not data.startswith("[") and not Path(data).exists():
        section = data_given(data)
    elif data:
        paths = data.strip("[]").split(",") if data.startswith("[") else data
        options, other = section.get("init_args") or {}, {"path": paths, "test_path": None}
        section = _files(section, paths) if _is_made(section) else section | {"init_args": options | other}
    config = config | {"data": section}

    def opened(held_out: str | None = None, **changes: object) -> "ImageDataModule":
        shown = _files(section, held_out) if held_out else section
        options = shown.get("init_args") or {}
        return data_of(config | {"data": shown | {"init_args": options | changes}}, str(recipe))

    return config, opened


def _is_made(section: dict) -> bool:
    """Whether a data set comes from no folder or zip of images: it is drawn, or torchvision's."""
    import zoo.data
    from zoo.options.checked import constructors

    kind = getattr(
        zoo.data, section.get("class_path", "ImageDataModule").rpartition(".")[2], zoo.data.ImageDataModule
    )
    names = constructors(kind)[0][1]
    return "path" not in names or "download" in names


def _files(section: dict, path: str | list[str]) -> dict:
    """The data section of other images in files, read as those of a section are."""
    from zoo.data import ImageDataModule
    from zoo.options.checked import defaults

    known = defaults(ImageDataModule).keys() - {"limit", "limit_to", "test_path", "name"}
    options = {k: v for k, v in (section.get("init_args") or {}).items() if k in known}
    return {"class_path": "zoo.data.ImageDataModule", "init_args": options | {"path": path}}


def _held_out(
    reals: "ImageDataModule", held_out: str | None, opened: Callable[..., "ImageDataModule"]
) -> "Images | None":
    """Opens the data; the images in the place of fakes, None for those of the set that are not in the reference."""
    reals.prepare_data()
    reals.setup("fit")
    if held_out is None:
        return None
    if held_out != "unseen":
        given = opened(held_out)
        if given.pictures == reals.pictures:
            raise ValueError(f"--held_out {held_out} holds the images of the reference itself: name others")
        return given.opened
    others = reals.unseen()
    if others is None:
        raise ValueError(f"{reals.name} keeps no images from training: name some by --held_out FOLDER_OR_ZIP")
    return others
