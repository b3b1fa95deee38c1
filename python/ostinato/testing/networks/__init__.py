"""Checks of a network with any cell and any regularizer; each family of checks has its file."""

from __future__ import annotations

from typing import Any

from ostinato.testing.networks import arguments, backwards, batches, bits, memory, numbers, sizes, time
from ostinato.testing.runner import Check

CHECKS: tuple[Check[Any], ...] = (
    *sizes.CHECKS,
    *memory.CHECKS,
    *arguments.CHECKS,
    *bits.CHECKS,
    *batches.CHECKS,
    *time.CHECKS,
    *backwards.CHECKS,
    *numbers.CHECKS,
)
