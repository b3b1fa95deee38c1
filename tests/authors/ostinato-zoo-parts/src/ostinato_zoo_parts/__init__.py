"""Parts of networks for ostinato: a scorer, a cell with coverage, a regularizer."""

from __future__ import annotations

from ostinato import CellSpec, RegularizerSpec, ScorerSpec, hookimpl
from ostinato_zoo_parts.coverage import Coverage
from ostinato_zoo_parts.coverage_cell import CoverageCell
from ostinato_zoo_parts.spectral import Spectral


@hookimpl
def ostinato_scorers() -> list[ScorerSpec]:
    """The scorers of this package."""
    return [ScorerSpec.of(Coverage)]


@hookimpl
def ostinato_cells() -> list[CellSpec]:
    """The cells of this package."""
    return [CellSpec.of(CoverageCell)]


@hookimpl
def ostinato_regularizers() -> list[RegularizerSpec]:
    """The regularizers of this package."""
    return [RegularizerSpec.of(Spectral)]
