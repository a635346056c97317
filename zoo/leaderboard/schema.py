"""What a results row holds: its fields, a JSON schema of what stands in them, and complaints as sentences."""

from functools import cache
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

_NUMBERS, _OPTIONAL_NUMBER, _OPTIONAL_TEXT = (int, float), (int, float, type(None)), (str, type(None))

# What a row must hold, section by section; more is allowed, and null only where a type says so. Rows may also
# hold `notes` (remarks by metric), `spread` (deviations over sampling seeds, by metric), `run` (which made it)
# and `history` (its evaluations: nimg, kimg, hours, metrics).
FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "": {
        "schema": (int,),
        "paper": (str,),
        "recipe": (str,),
        "date": (str,),
        "data": (dict,),
        "metrics": (dict,),
        "absent": (dict,),
        "conditions": (dict,),
        "training": (dict,),
        "software": (dict,),
        "samples": _OPTIONAL_TEXT,
        "config": (dict, type(None)),
    },
    "data": {
        "name": (str,),
        "fingerprint": (str,),
        "n_images": (int,),
        "resolution": (int,),
        "n_classes": (int,),
        "note": (str,),
    },
    "conditions": {
        "protocol": (str,),
        "n_real": (int,),
        "n_fake": (int,),
        "extractors": (dict,),
        "rounding": (str,),
        "truncation": _OPTIONAL_NUMBER,
        "ema": (bool,),
        "is_splits": (int,),
        "seed": (int,),
    },
    "training": {
        "nimg": (int,),
        "kimg": _NUMBERS,
        "seed": (int, type(None)),
        "precision": _OPTIONAL_TEXT,
        "batch_size": (int, type(None)),
        "steps": (int, type(None)),
        "hours": _OPTIONAL_NUMBER,
        "hardware": _OPTIONAL_TEXT,
        "world_size": (int, type(None)),
    },
    "software": {
        "zoo": (str,),
        "commit": (str,),
        "dirty": (bool, type(None)),
        "python": (str,),
        "torch": (str,),
        "lightning": (str,),
        "torchmetrics": (str,),
        "torch_fidelity": (str,),
    },
}

NUMBER = {"type": "number", "minimum": -1e300, "maximum": 1e300}  # JSON's have no bounds, Python's floats do
COUNT = {"minimum": 0, "maximum": 1e15}
#: beside the fields and types above
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "metrics": {"type": "object", "additionalProperties": NUMBER},
        "absent": {"type": "object", "additionalProperties": {"type": "string"}},
        "notes": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
        "spread": {"type": ["object", "null"], "additionalProperties": NUMBER},
        "classes": {
            "type": ["object", "null"],
            "additionalProperties": {"type": "object", "additionalProperties": NUMBER},
        },
        "data": {
            "properties": {
                "same_images": {"type": "array", "items": {"type": "string"}},
                "pictures": {"type": "string"},
            }
        },
        # below the results folder: a page must not show what lies elsewhere
        "samples": {"type": ["string", "null"], "pattern": r"^(?![/\\])(?!.*\.\.)(?!.*:)[^\\]+\.(png|jpg|webp)$"},
        "conditions": {
            "properties": {
                "changed": {"type": "object"},
                "extractors": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "properties": {"id": {"type": "string"}, "resize": {"type": "string"}},
                        "required": ["id", "resize"],
                    },
                },
            }
        },
        "history": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "required": ["nimg", "kimg", "hours", "metrics"],
                "properties": {
                    "nimg": {"type": "integer", "minimum": 0},
                    "kimg": {"type": "number", "minimum": 0},
                    "hours": {"type": ["number", "null"]},
                    "metrics": {"type": "object", "additionalProperties": NUMBER},
                },
            },
        },
        "training": {"properties": dict.fromkeys(("nimg", "kimg", "seed", "hours"), COUNT)},
        "config": {
            "type": ["object", "null"],
            "properties": {
                "model": {"type": ["object", "null"]},
                "data": {"type": ["object", "null"], "properties": {"init_args": {"type": ["object", "null"]}}},
            },
        },
    },
}


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(SCHEMA)


def check_details(row: dict, where: str) -> None:
    """Refuse a row whose sections hold something else than they should.

    Raises:
        ValueError: naming `where`, the place in the row, what stands there and what should.
    """
    hold(_validator(), row, where)


def hold(validator: Draft7Validator, value: Any, where: str) -> None:
    """Refuse what does not fit a JSON schema.

    Raises:
        ValueError: naming `where`, the place in `value`, what stands there and what should.
    """
    error = best_match(validator.iter_errors(value))
    if error is None:
        return
    place = ".".join(str(part) for part in error.absolute_path)
    found = repr(error.instance)
    found = found if len(found) < 80 else f"{found[:80]}..."
    stands = f"{where}: {place} is {found}" if place else f"{where} is {found}"
    if error.validator == "required":
        lacks = error.message.split(" is ")[0]
        raise ValueError(f"{stands}, which lacks {lacks}" if place else f"{where} lacks {lacks}")
    wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    words = {
        "type": " or ".join(map(str, wanted)),
        "minimum": f"at least {error.validator_value}",
        "maximum": f"at most {error.validator_value:g}" if error.validator == "maximum" else "",
        "pattern": "a picture below the results folder, such as sngan/tiny.png" if place == "samples" else "a name",
        "minItems": f"at least {error.validator_value} of them",
        "minProperties": f"{error.validator_value} of {', '.join(error.schema.get('properties', {}))}",
    }
    raise ValueError(f"{stands}, not {words.get(error.validator, error.message)}")
