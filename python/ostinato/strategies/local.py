"""Computation in this process."""

from __future__ import annotations

from ostinato.strategy import Core, Execution


class Local(Execution):
    """All of the work in this process, on the engine's threads."""

    name = "local"

    def core(self, local: Core) -> Core:
        """Return the core of this process."""
        return local
