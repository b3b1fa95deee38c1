"""Cells for ostinato, one per file; the hook below registers their names."""

from __future__ import annotations

from ostinato import CellSpec, hookimpl
from ostinato_cells.coupled_lstm import CoupledLSTM
from ostinato_cells.delta_net import DeltaNet
from ostinato_cells.layer_norm_gru import LayerNormGRU
from ostinato_cells.layer_norm_lstm import LayerNormLSTM
from ostinato_cells.light_gru import LightGRU
from ostinato_cells.minimal_gated_unit import MinimalGatedUnit
from ostinato_cells.mlstm import MLSTM
from ostinato_cells.multiplicative_lstm import MultiplicativeLSTM
from ostinato_cells.peephole_lstm import PeepholeLSTM
from ostinato_cells.slstm import SLSTM
from ostinato_cells.sru import SRU

CELLS = (
    LightGRU,
    LayerNormLSTM,
    LayerNormGRU,
    PeepholeLSTM,
    MinimalGatedUnit,
    SRU,
    CoupledLSTM,
    SLSTM,
    MultiplicativeLSTM,
    MLSTM,
    DeltaNet,
)

__all__ = [
    "MLSTM",
    "SLSTM",
    "SRU",
    "CoupledLSTM",
    "DeltaNet",
    "LayerNormGRU",
    "LayerNormLSTM",
    "LightGRU",
    "MinimalGatedUnit",
    "MultiplicativeLSTM",
    "PeepholeLSTM",
]


@hookimpl
def ostinato_cells() -> list[CellSpec]:
    """The cells of this package."""
    return [CellSpec.of(cell) for cell in CELLS]
