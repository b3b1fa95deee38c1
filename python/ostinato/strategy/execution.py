"""The role that says where the work is done."""

from __future__ import annotations

from typing import ClassVar

from ostinato.errors import ConfigError
from ostinato.strategy.core import Core
from ostinato.strategy.strategy import Strategy


class Execution(Strategy):
    """Where gradients are computed. Derive from it and write `core`.

    One for several processes returns a core that gives each its share of the rows and sums the gradients.
    """

    role: ClassVar[str] = "execution"

    def core(self, local: Core) -> Core:
        """Return the core that estimators are given, made around that of this process."""
        raise ConfigError(f"execution {self.name!r} has no core; write core(self, local)")
