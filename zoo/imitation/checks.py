"""What an imitation algorithm refuses before anything is computed."""

from typing import Any

import gymnasium as gym

from zoo.imitation.environments import action_size, discrete


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


def check_transfer(h: Any, envs: gym.vector.VectorEnv, there: gym.vector.VectorEnv) -> None:
    """Refuse a `transfer_env` that cannot be seen and acted in as `env` can.

    Args:
        h: the algorithm's options.
        envs: environments of `env`.
        there: environments of `transfer_env`.

    Raises:
        ValueError: naming the option.
    """
    if (ours := in_words(envs)) != (theirs := in_words(there)):
        raise ValueError(
            f"transfer_env {h.transfer_env} shows {theirs}, and {h.env} shows {ours}: no policy and no reward fits "
            "both, change --model.transfer_env"
        )


def in_words(envs: gym.vector.VectorEnv) -> str:
    """What an environment shows and takes."""
    taken = f"one of {action_size(envs)} choices" if discrete(envs) else f"{action_size(envs)}"
    return f"{envs.single_observation_space.shape[0]} numbers and takes {taken}"
