"""The base class of strategies of every role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ostinato import checks
from ostinato.errors import ConfigError, shown
from ostinato.options import Configured


class Strategy(Configured):
    """One part of how a network is trained. Derive from the base of a role, not from this class.

    `state_dict` must contain what a strategy remembers between calls; otherwise a resumed run differs. Random
    numbers come from `Moment.rng`, which has no state.
    """

    kind: ClassVar[str] = "strategy"
    _live_options: ClassVar[bool] = True
    role: ClassVar[str] = ""

    def state_dict(self) -> dict[str, Any]:
        """The state for a checkpoint: plain values, arrays, and dicts and lists of them."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the result of `state_dict`; raise ConfigError for anything else."""
        owner = f"{self.role} {self.name!r}"
        if checks.mapping(owner, "state", state, "the result of state_dict()"):
            raise ConfigError(
                f"{owner} keeps no state; got {shown(state)}. "
                "Was the checkpoint written with another version of it?"
            )
