"""How predictions are chosen."""

from __future__ import annotations

from ostinato import Moment, Sample


def predictions(temperature: float, when: Moment, name: str) -> Sample | None:
    """Draws of this update at a temperature; None, the most likely ids, at 0."""
    return Sample(temperature=temperature, seed=when.draw_seed(f"{name} ids")) if temperature else None
