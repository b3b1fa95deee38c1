"""The role that decides where gradients are computed."""

from __future__ import annotations

from typing import ClassVar

from ostinato.errors import ConfigError, shown
from ostinato.strategy.core import Core
from ostinato.strategy.strategy import Strategy


class Execution(Strategy):
    """Where gradients are computed. Derive from it and write `core`.

    An execution with several processes returns a core that gives each process its share of the rows and sums
    the gradients.
    """

    role: ClassVar[str] = "execution"

    def core(self, local: Core) -> Core:
        """Return the core for estimators, based on the core of this process."""
        raise ConfigError(f"execution {shown(self.name)} has no core; write core(self, local)")
