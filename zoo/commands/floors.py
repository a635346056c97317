"""What real images score against real images."""

from pathlib import Path

from zoo.options.ranges import PositiveInt, Processes


def floor(
    recipe: Path,
    data: str | None = None,
    held_out: str | None = None,
    n_fake: PositiveInt | None = None,
    n_real: PositiveInt | None = None,
    n_seeds: PositiveInt = 3,
    extractors: list[str] = ["inception", "efficientnet-lite0", "random"],  # noqa: B006
    results_dir: Path | None = Path("results"),
    threads: Processes | None = None,
) -> None:
    """Score real images against a recipe's reference, as its models are scored: the floor under every distance.

    Args:
        recipe: Such as reproductions/pggan/lfw-cpu.yaml; its data and numbers of images are taken.
        data: Folder or zip of the images, or several as '[a.zip,b.zip]', instead of the recipe's.
        held_out: Folder or zip of other real images, such as a test set; by default others of the recipe's.
        n_fake: Real images in the place of fakes; the recipe's number by default.
        n_real: Real images of the reference; the recipe's number by default.
        n_seeds: Choices of the former, for the spread.
        extractors: As of `zoo evaluate`.
        results_dir: Folder of the row; null writes none.
        threads: CPU threads of PyTorch.
    """
    import torch

    from zoo.evaluation.floors import floor as score
    from zoo.leaderboard.rows import make_row, write_row
    from zoo.training.recipes import compose
    from zoo.training.run import data_of

    if threads:
        torch.set_num_threads(threads)
    if not recipe.is_file():
        raise FileNotFoundError(f"no recipe at {recipe}; they are reproductions/<paper>/<recipe>.yaml")
    config = compose(recipe.parent / "paper.yaml", ["--config", str(recipe)])[0]
    if data:
        paths = data.strip("[]").split(",") if data.startswith("[") else data
        config["data"]["init_args"] = (config["data"].get("init_args") or {}) | {"path": paths}
    reals = data_of(config)
    others = None
    if held_out:
        held = {"path": held_out, "limit": None}
        section = config["data"] | {"init_args": (config["data"].get("init_args") or {}) | held}
        others = data_of(config | {"data": section})
    for one in (reals, others):
        if one is not None:
            one.prepare_data()
            one.setup("fit")
    given = config.get("evaluation") or {}
    n_fake, n_real = n_fake or given.get("n_fake") or 50_000, n_real or given.get("n_real")
    options = {k: given[k] for k in ("protocol", "rounding", "kid_subsets") if given.get(k) is not None}
    result = score(reals, extractors, n_fake, n_real, others, n_seeds, **options)
    for name, value in result["metrics"].items():
        print(f"{name:36} {value:.4g}" + (f" ± {result['spread'][name]:.2g}" if n_seeds > 1 else ""))
    if results_dir:
        kind = f"{recipe.stem}-{'held-out' if held_out else 'others'}"
        row = make_row("real", kind, reals, result, {"nimg": 0}, {"data": config["data"]})
        print(f"results row: {write_row(row, results_dir)}")
