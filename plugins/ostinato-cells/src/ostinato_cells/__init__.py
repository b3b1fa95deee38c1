"""Cells for ostinato, one a file; the hook below gives them their names."""

from __future__ import annotations

from ostinato import CellSpec, hookimpl
from ostinato_cells.coupled_lstm import CoupledLSTM
from ostinato_cells.layer_norm_lstm import LayerNormLSTM
from ostinato_cells.light_gru import LightGRU
from ostinato_cells.minimal_gated_unit import MinimalGatedUnit

__all__ = ["CoupledLSTM", "LayerNormLSTM", "LightGRU", "MinimalGatedUnit"]


@hookimpl
def ostinato_cells() -> list[CellSpec]:
    """The cells of this package."""
    return [CellSpec(cell.name, cell) for cell in (LightGRU, LayerNormLSTM, MinimalGatedUnit, CoupledLSTM)]
