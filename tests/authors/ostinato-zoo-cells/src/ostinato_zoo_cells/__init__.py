"""Cells for ostinato, one per file; the hook below registers their names."""

from __future__ import annotations

from ostinato import CellSpec, hookimpl
from ostinato_zoo_cells.batch_rnn import BatchRNN
from ostinato_zoo_cells.cfc import CfC
from ostinato_zoo_cells.conv_lstm import ConvLSTM
from ostinato_zoo_cells.cornn import CoRNN
from ostinato_zoo_cells.delay_line import DelayLine
from ostinato_zoo_cells.esn import ESN
from ostinato_zoo_cells.hard_lstm import HardLSTM
from ostinato_zoo_cells.lem import LEM
from ostinato_zoo_cells.mlstm import MLSTM
from ostinato_zoo_cells.moe_gru import MoEGRU
from ostinato_zoo_cells.quantised_gru import QuantisedGRU

CELLS = (
    CoRNN,
    LEM,
    CfC,
    MLSTM,
    MoEGRU,
    ConvLSTM,
    HardLSTM,
    ESN,
    QuantisedGRU,
    BatchRNN,
    DelayLine,
)


@hookimpl
def ostinato_cells() -> list[CellSpec]:
    """The cells of this package."""
    return [CellSpec.of(cell) for cell in CELLS]
