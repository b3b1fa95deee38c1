"""What strategies of every role have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ostinato.errors import ConfigError
from ostinato.options import Configured


class Strategy(Configured):
    """One part of how a network is trained. Derive from the base of a role, not from this.

    What a strategy remembers from one call to the next goes through `state_dict`, or a resumed run is another
    run. Random numbers come from `Moment.rng`, which remembers nothing.
    """

    kind: ClassVar[str] = "strategy"
    role: ClassVar[str] = ""

    def state_dict(self) -> dict[str, Any]:
        """What is to be found again in a checkpoint: plain values, arrays, and dicts and lists of them."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned; raise ConfigError for anything else."""
        if state:
            raise ConfigError(
                f"{self.role} {self.name!r} keeps no state; got {', '.join(map(repr, state))}. "
                "Was the checkpoint written with another version of it?"
            )
