"""Numbers with their range in their type.

An option is annotated with one of these; jsonargparse then refuses what lies outside, `Checked` does for calls from
Python, and both say it in the words of `words`. What comes out is a plain int or float: those of
`jsonargparse.typing.restricted_number_type` are of classes that `torch.load(weights_only=True)` and YAML do not
know, and infinity is within them.
"""

import math
import numbers
from typing import Any, ClassVar

from jsonargparse.typing import register_type

#: name of a range -> the class, for messages that name it
RANGES: dict[str, type["Range"]] = {}
LARGEST = 2**31 - 1  # whole number of any option but seeds


class Range:
    """Base of the ranges: `low` and `high` are within, `above` and `below` without."""

    base: ClassVar[type] = float
    low: ClassVar[float | None] = None
    high: ClassVar[float | None] = None
    above: ClassVar[float | None] = None
    below: ClassVar[float | None] = None

    def __init_subclass__(cls) -> None:
        cls.base = int if issubclass(cls, int) else float
        RANGES[cls.__name__] = cls
        register_type(cls, serializer=cls.base, type_check=lambda value, kind: False)

    def __new__(cls, value: Any) -> Any:
        """The plain number.

        Raises:
            ValueError: if it is none, or not within the range.
        """
        try:
            if isinstance(value, bool) or not isinstance(value, str | numbers.Real):
                raise ValueError
            if cls.base is int and not isinstance(value, str | numbers.Integral):
                raise ValueError
            plain = cls.base(value)
        except (ValueError, OverflowError):
            plain = math.nan
        if not (math.isfinite(plain) and cls.holds(plain)):
            raise ValueError(f"{words(cls, plain)}, not {shown(value)}") from None
        return plain

    @classmethod
    def holds(cls, value: float) -> bool:
        """Whether a number lies within."""
        return (
            (cls.base is float or value <= (cls.high or LARGEST))
            and (cls.low is None or value >= cls.low)
            and (cls.high is None or value <= cls.high)
            and (cls.above is None or value > cls.above)
            and (cls.below is None or value < cls.below)
        )


def words(kind: type[Range], value: float = 0) -> str:
    """What a range takes, such as "a whole number from 1 to 64"; the largest count only where `value` passes it."""
    noun = "a whole number" if kind.base is int else "a number"
    if kind.low is not None and kind.high is not None:
        return f"{noun} from {kind.low:,} to {kind.high:,}"
    least = f"of at least {kind.low:,}" if kind.low is not None else ""
    least = f"above {kind.above:,}" if kind.above is not None else least
    most = f"below {kind.below:,}" if kind.below is not None else ""
    most = f"at most {kind.high:,}" if kind.high is not None else most
    most = f"at most {LARGEST:,}" if kind.base is int and value > LARGEST else most
    bounds = " and ".join(part for part in (least, most) if part)
    return f"{noun} {bounds}" if bounds else "a finite number"


def shown(value: object, most: int = 60) -> str:
    """A value as a message shows it, cut where it is long."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    text = " ".join(text.split()) or "nothing"
    return text if len(text) <= most else f"{text[:most]}..."


# ---- whole numbers; the bounds above are far beyond what any paper or machine has


class PositiveInt(Range, int):
    """Counts."""

    low = 1


class NonNegativeInt(Range, int):
    """Counts of what may be left out, and places."""

    low = 0


class Side(Range, int):
    """Pixels of an image's side."""

    low, high = 1, 8192


class Width(Range, int):
    """Channels, units, and lengths of vectors."""

    low, high = 1, 65536


class Depth(Range, int):
    """Layers."""

    low, high = 0, 64


class ClassCount(Range, int):
    """Classes; 0 for an unconditional model."""

    low, high = 0, 1_000_000


class SomeClasses(Range, int):
    """Classes of a model that needs them."""

    low, high = 1, 1_000_000


class BatchSize(Range, int):
    """Images of a batch."""

    low, high = 1, 2**20


class Processes(Range, int):
    """Processes or threads of one machine."""

    low, high = 1, 1024


class Workers(Range, int):
    """Processes beside this one."""

    low, high = 0, 1024


class Seed(Range, int):
    """Seeds: what every generator takes."""

    low, high = 0, 2**32 - 1


class ImageNumber(Range, int):
    """Seeds and numbers that name an image."""

    low, high = 0, 2**62


class SheetSize(Range, int):
    """Samples of one picture."""

    low, high = 1, 10_000


class Steps(Range, int):
    """Frames, steps and runs of what is looked at, not trained."""

    low, high = 1, 1_000_000


class Port(Range, int):
    """TCP ports that need no rights."""

    low, high = 1024, 65535


# ---- numbers, all of them finite


class FiniteFloat(Range, float):
    """Any number."""


class PositiveFloat(Range, float):
    """Rates, lengths, and what is divided by."""

    above = 0


class NonNegativeFloat(Range, float):
    """Weights of terms that may be left out, and places on the way in kimg."""

    low = 0


class Pause(Range, float):
    """Seconds for which a film stands still."""

    low, high = 0, 600


class AtLeastOne(Range, float):
    """Divisors that make smaller."""

    low = 1


class ClosedUnitInterval(Range, float):
    """Probabilities."""

    low, high = 0, 1


class Fraction(Range, float):
    """What is left of something: never nothing."""

    above, high = 0, 1


class Decay(Range, float):
    """What of an average is kept at a step, and what dropout drops: never all of it."""

    low, below = 0, 1
