"""The keyword arguments of `RNN`, `LSTM`, `GRU` and so on, for type checkers and `inspect.signature`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ostinato.cell import Cell
from ostinato.discover import leaves
from ostinato.layers.initial import Init
from ostinato.layers.recurrent import Recurrent
from ostinato.signature import InitSignature, of_init


class RecurrentOptions(TypedDict, total=False):
    """Those of `Recurrent`."""

    bidirectional: bool
    regularizers: Sequence[Any]
    init: Init | Mapping[str, Init] | None
    residual: bool
    batch_first: bool
    dtype: Any
    seed: int


class BiasOptions(RecurrentOptions, total=False):
    """With the option of a cell that has biases."""

    bias: bool


class RNNOptions(BiasOptions, total=False):
    """With those of the cell `rnn`."""

    nonlinearity: str


class LSTMOptions(BiasOptions, total=False):
    """With those of the cell `lstm`."""

    peepholes: bool
    proj_size: int


class GRUOptions(BiasOptions, total=False):
    """With those of the cell `gru`."""

    reset: str


class EchoStateOptions(RecurrentOptions, total=False):
    """With those of the cell `echo_state`."""

    leak: float
    spectral_radius: float
    input_scale: float


class DiagonalSSMOptions(RecurrentOptions, total=False):
    """With those of the cell `diagonal_ssm`."""

    modes: int
    r_min: float
    r_max: float
    max_phase: float


class CellSignature(InitSignature):
    """The signature with what `**options` stands for: arguments of `Recurrent`, and options of the cell."""

    def __get__(self, instance: object, owner: Any) -> inspect.Signature:
        own = super().__get__(instance, owner)
        parameters = list(own.parameters.values())
        if parameters[-1].kind is inspect.Parameter.VAR_KEYWORD:
            cell = leaves("ostinato.cells", Cell)[owner.kind]
            keyword = inspect.Parameter.KEYWORD_ONLY
            more = [*of_init(cell).parameters.values(), *of_init(Recurrent).parameters.values()]
            parameters[-1:] = [one for one in more if one.kind is keyword]
        return own.replace(parameters=parameters)
