"""`zoo train | list | runs | show | doctor | import | export | sample | walk | explore | evaluate | ...`.

The commands themselves are in `zoo.commands`.
"""

import sys
from typing import Any, get_type_hints

from zoo.commands import bench, dashboards, data, floors, lab, listing, looking, models, runs, scoring, weights

#: verb -> what does it, or the verbs below it
COMMANDS: dict[str, Any] = {
    "train": runs.train,
    "list": listing.papers,
    "runs": listing.runs,
    "show": listing.show,
    "doctor": listing.doctor,
    "sample": models.sample,
    "walk": looking.walk,
    "grow": looking.grow,
    "explore": looking.explore,
    "reconstruct": models.reconstruct,
    "encode": models.encode,
    "interpolate": models.interpolate,
    "attribute": models.attribute,
    "import": weights.import_,
    "export": weights.export,
    "evaluate": scoring.evaluate,
    "compare": scoring.compare,
    "floor": floors.floor,
    "train-domain": scoring.train_domain,
    "data": {"_help": data.__doc__, "prepare": data.prepare, "inspect": data.inspect, "stream": data.stream},
    "bench": {
        "_help": bench.__doc__,
        "data": bench.data,
        "evaluation": bench.evaluation,
        "distances": bench.distances,
        "step": bench.step,
        "profile": bench.profile,
        "penalties": bench.penalties,
        "table": bench.table,
        "gpu": bench.gpu,
    },
    "suite": runs.suite,
    "leaderboard": scoring.leaderboard,
    "claims": scoring.claims,
    "curves": scoring.curves,
    "wandb": {"_help": dashboards.__doc__, "workspace": dashboards.workspace},
    "lab": {
        "_help": lab.__doc__,
        "dirac": lab.dirac,
        "verdicts": lab.verdicts,
        "ring": lab.ring,
        "trial": lab.trial,
        "eigen": lab.eigen,
        "paper": lab.paper,
        "plane": lab.plane,
        "saddle": lab.saddle,
        "expert": lab.expert,
        "play": lab.play,
        "returns": lab.returns,
    },
}


def by_script(args: list[str]) -> None:
    """`zoo train PAPER [RECIPE] [options]`: options are those of the paper's script, so it is what parses them.

    Raises:
        ValueError: for no paper, or too many words before the options.
    """
    n = next((i for i, word in enumerate(args) if word.startswith("-")), len(args))
    if not 1 <= n <= 2:
        raise ValueError("zoo train takes a paper and perhaps a recipe, such as zoo train sngan tiny, then options")
    runs.train(*args[:n], options=args[n:])


def listed(args: list[str]) -> list[str]:
    """`curves a b --x kimg` as `curves ["a", "b"] --x kimg`: jsonargparse takes a list as one argument."""
    import json

    verb = next((v for v in (["curves"], ["explore"], ["lab", "returns"]) if args[: len(v)] == v), None)
    if verb is None:
        return args
    n = next((i for i, word in enumerate(args) if word.startswith("-")), len(args))
    return [*verb, json.dumps(args[len(verb) : n]), *args[n:]] if n > len(verb) else args


def refuse_empty(args: list[str]) -> None:
    """An empty list would be taken for what is left out.

    Raises:
        ValueError: naming the option.
    """
    option = ""  # whose value the next word is
    for word in args:
        name, equals, given = word.partition("=") if word.startswith("--") else (option, "=", word)
        if "".join(given.split()) == "[]" and name != "--extras":
            raise ValueError(f"{name.lstrip('-') or word} is an empty list: name at least one, or leave it out")
        option = "" if equals else name


def switched(args: list[str]) -> list[str]:
    """`suite plan.yaml --dry_run` as `--dry_run=true`: jsonargparse asks what is true or false for a value."""
    command: Any = COMMANDS
    for word in args:
        if not isinstance(command, dict) or word not in command:
            break
        command = command[word]
    hints = get_type_hints(command) if callable(command) else {}
    switches = {f"--{name}" for name, hint in hints.items() if hint in (bool, bool | None)}
    ends = [*args[1:], "--"]
    return [
        f"{word}=true" if word in switches and following.startswith("-") else word
        for word, following in zip(args, ends, strict=True)
    ]


def main(args: list[str] | None = None) -> None:
    """Entry point of the console script."""
    from jsonargparse import auto_cli

    from zoo.training.mistakes import Parser, door

    args = sys.argv[1:] if args is None else list(args)
    with door():
        if args[:1] == ["train"] and not {"-h", "--help"} & set(args[:2]):
            return by_script(args[1:])
        refuse_empty(args)
        if args[:1] == ["evaluate"] and any(word.partition("=")[0] in ("--real", "--fake") for word in args):
            args[0] = "compare"  # no checkpoint: two folders
        if args[:1] == ["sample"]:  # `class` is no name for a Python argument
            args = ["--label" + word[7:] if word.partition("=")[0] == "--class" else word for word in args]
        auto_cli(
            COMMANDS,
            args=listed(switched(args)),
            prog="zoo",
            parser_class=Parser,
            description="GAN papers: train, look, score and compare.",
        )


if __name__ == "__main__":
    main()
