"""Markdown tables."""

from typing import Any


def cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def as_table(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell(value) for value in line) + " |\n" for line in lines)
