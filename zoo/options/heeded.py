"""Options that do nothing beside others: told, not ignored."""

from collections.abc import Collection, Mapping


def check_heeded(way: str, heeded: Mapping[str, Collection[str]], **given: object) -> None:
    """Refuse what was given and would be ignored.

    Args:
        way: what was asked for, as the user writes it.
        heeded: ways -> names of the options that each heeds.
        given: by their names, options that only some ways heed; None where one was not given.

    Raises:
        ValueError: naming the option, and with what it goes.
    """
    for name, value in given.items():
        if value is not None and name not in heeded[way]:
            others = " or ".join(one for one, names in heeded.items() if name in names)
            raise ValueError(f"--{name} does nothing with {way}: leave it out, for it goes with {others}")
