"""What an imitation algorithm refuses before anything is computed."""

from typing import Any


def check_options(h: Any) -> None:
    """Refuse numbers that cannot be.

    Args:
        h: the algorithm's options.

    Raises:
        ValueError: naming the option.
    """
    for name in ("n_envs", "horizon", "epochs", "batch_size", "d_steps", "batch_size_d", "policy_width"):
        if h[name] < 1:
            raise ValueError(f"{name} must be at least 1, not {h[name]}: change --model.{name}")
    for name in ("lr", "lr_d", "kl_step", "policy_std", "transfer_std", "total_ksteps"):
        if not h[name] > 0:
            raise ValueError(f"{name} must be positive, not {h[name]}: change --model.{name}")
    if (h.transfer_env is None) != (h.imitation_ksteps is None):
        raise ValueError("transfer_env and imitation_ksteps go together: give both --model options, or neither")
    if h.transfer_kl_step is not None and not h.transfer_kl_step > 0:
        raise ValueError(
            f"transfer_kl_step must be positive, not {h.transfer_kl_step}: change --model.transfer_kl_step"
        )
    if h.imitation_ksteps is not None and not 0 < h.imitation_ksteps < h.total_ksteps:
        raise ValueError(
            f"imitation_ksteps {h.imitation_ksteps:g} must lie between 0 and total_ksteps {h.total_ksteps:g}"
        )
