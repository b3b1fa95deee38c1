"""The learning rate as an argument of an optimizer."""

from __future__ import annotations

from collections.abc import Mapping

from ostinato.checks import number
from ostinato.errors import ConfigError, a_type


def rate(owner: str, lr: object) -> float:
    """The learning rate, a number of at least 0. Raises ConfigError, with a hint if `lr` holds parameters."""
    if isinstance(lr, (Mapping, list, tuple)):
        raise ConfigError(
            f"{owner}: lr is {a_type(lr)}; expected a number. An optimizer gets the parameters in "
            "step(net.parameters(), grads.params), and groups={'0.*': {'lr': 1e-4}} sets options by name"
        )
    return number(owner, "lr", lr, at_least=0)
