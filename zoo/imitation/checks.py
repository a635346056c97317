"""What an imitation algorithm refuses before anything is computed."""

from typing import Any


def check_options(h: Any) -> None:
    """Refuse options that do not go together.

    Args:
        h: the algorithm's options.

    Raises:
        ValueError: naming the option.
    """
    if (h.transfer_env is None) != (h.imitation_ksteps is None):
        raise ValueError("transfer_env and imitation_ksteps go together: give both --model options, or neither")
    if h.imitation_ksteps is not None and not 0 < h.imitation_ksteps < h.total_ksteps:
        raise ValueError(
            f"imitation_ksteps {h.imitation_ksteps:g} must lie between 0 and total_ksteps {h.total_ksteps:g}"
        )
