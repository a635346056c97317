"""Entries of `claims.yaml`; their forms are told in `zoo.leaderboard.claims`."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from zoo.leaderboard.schema import NUMBER, hold
from zoo.options.yamls import read_yaml

TEXT = {"type": "string"}
#: what stands in an entry of `claims.yaml`
ENTRY = Draft7Validator(
    {
        "required": ["item", "claim", "source", "ran", "command", "metric"],
        "properties": {
            **dict.fromkeys(
                ("item", "claim", "source", "ran", "command", "metric", "unit", "looked", "lengths"), TEXT
            ),
            "higher": {"type": "boolean"},
            "speaks_from": NUMBER,
            "orders": {"type": "array", "items": {"type": "array", "minItems": 2, "items": TEXT}},
            "near": {
                "type": "object",
                "required": ["run", "value", "within"],
                "properties": {"run": TEXT, "value": NUMBER, "within": NUMBER, "start": NUMBER},
            },
            "bound": {
                "type": "object",
                "required": ["run"],
                "properties": {"run": TEXT, "least": NUMBER, "most": NUMBER},
                "minProperties": 2,
            },
            "published": {"type": "object", "additionalProperties": NUMBER},
        },
    }
)


@dataclass(frozen=True)
class Claim:
    """One entry of `claims.yaml`.

    Args:
        item: groups claims on the page.
        claim, source, ran, command: sentences for people; `source` says where it is, or if it is recalled.
        metric: name in the rows.
        higher: more is better.
        orders, near, bound: see the module; exactly one.
        published: numbers of the paper by the runs' names, or one under `value`.
        unit: behind numbers.
        looked: what was looked into as a fault of ours, where the verdict is against the paper.
        speaks_from: thousands of images from which on the claim is made; a shorter run cannot contradict it.
        lengths: why runs of unlike length are compared here; without it they have no verdict.
    """

    item: str
    claim: str
    source: str
    ran: str
    command: str
    metric: str
    higher: bool = False
    orders: list[list[str]] = field(default_factory=list)
    near: dict[str, Any] = field(default_factory=dict)
    bound: dict[str, Any] = field(default_factory=dict)
    published: dict[str, float] = field(default_factory=dict)
    unit: str = ""
    looked: str = ""
    speaks_from: float = 0.0
    lengths: str = ""

    @property
    def runs(self) -> list[str]:
        """Names of the runs that it is about, each once."""
        named = [run for order in self.orders for run in order]
        return list(dict.fromkeys([*named, *(form["run"] for form in (self.near, self.bound) if form)]))


def read_claims(path: Path) -> list[Claim]:
    """The claims in the file's order.

    Raises:
        FileNotFoundError, ValueError: naming the entry that is none.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there are no claims at {path}")
    known = {f.name for f in fields(Claim)}
    claims = []
    entries = read_yaml(path, "a list of claims").get("claims")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{path} has no list `claims` of mappings")
    for number, entry in enumerate(entries, 1):
        where = f"{path}, claim {number}"
        if unknown := sorted(set(entry) - known):
            raise ValueError(f"{where} has the unknown key {unknown[0]}")
        hold(ENTRY, entry, where)
        claims.append(Claim(**entry))
        if sum(map(bool, (claims[-1].orders, claims[-1].near, claims[-1].bound))) != 1:
            raise ValueError(f"{where} needs exactly one of orders, near and bound")
    return claims
