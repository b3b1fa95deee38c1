"""One step per call, with the state carried inside."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import _core
from ostinato.errors import DTypeError, ShapeError
from ostinato.network.batch import Array, as_flags, as_floats
from ostinato.network.graph import Graph
from ostinato.network.states import from_slots, to_slots


class Stream:
    """A network that is fed one step at a time: `y = stream.step(x)`.

    It holds the parameters as they were when it was made, and the state of `batch` sequences, zeros at
    first. Steps give the same bits as `run` over the whole sequence. Made by `Network.stream`; a stream
    belongs to one thread at a time (ConcurrentUseError otherwise).
    """

    def __init__(
        self, core: _core.Stream, graph: Graph, batch: int, dtype: str, features: int | None
    ) -> None:
        self._core = core
        self._graph = graph
        self._batch = batch
        self._dtype = dtype
        self._features = features

    def step(self, x: Any, resets: Any = None) -> Array:
        """Runs one step: x (batch, input_size) floats or ids (batch,) -> outputs (batch, output_size).

        resets: (batch,) booleans; the state of a row where it is True is set to zeros before the step.
        Raises ShapeError or DTypeError.
        """
        expected: tuple[int, ...] = (self._batch,)
        if self._features is None:
            ids = np.asarray(x)
            if ids.dtype.kind not in "iu":
                raise DTypeError(f"x is {ids.dtype}; expected integer ids ({self._batch},)")
            array = np.ascontiguousarray(ids, dtype=np.int64)
        else:
            array = as_floats("x", x, self._dtype)
            expected = (self._batch, self._features)
        if array.shape != expected:
            raise ShapeError(f"x is {array.shape}; expected {expected}: one step of each sequence")
        marks = None if resets is None else as_flags("resets", resets)
        if marks is not None and marks.shape != (self._batch,):
            raise ShapeError(f"resets is {marks.shape}; expected ({self._batch},): one for each sequence")
        return self._core.step(array, marks)

    @property
    def state(self) -> dict[str, Array]:
        """The state after the last step, as `Run.final_state` is; may be set to carry on from another run."""
        return from_slots(self._core.state(), self._graph, self._batch)

    @state.setter
    def state(self, state: Any) -> None:
        slots = to_slots("state", state, self._graph, self._batch, self._dtype)
        if state is None:
            self._core.reset()
        else:
            self._core.set_state([slot for slot in slots if slot is not None])

    def reset(self) -> None:
        """Sets every state to zeros: the next step begins new sequences."""
        self._core.reset()
