"""One step per call, with the state carried inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ostinato import _core
from ostinato.attribute_guard import AttributeGuard
from ostinato.errors import ConfigError, DTypeError, ShapeError
from ostinato.network.facts import NetworkFacts
from ostinato.network.graph import Graph
from ostinato.network.ports import Ports
from ostinato.network.states import from_slots, to_slots
from ostinato.no_copies import NoCopies
from ostinato.sequences.arrays import Array, as_flags, as_floats
from ostinato.sequences.axis import ROW


class Stream(NoCopies, AttributeGuard):
    """A network that runs one step per call: `y = stream.step(x)`. `Network.stream` makes it.

    It holds a copy of the parameters from its creation (`refresh` copies them again), and the state of
    `batch` rows, initially zeros, or values of rows of the graph. Results are bit-identical to `run` over the
    whole sequence. Only one thread at a time may use a stream; otherwise ConcurrentUseError.
    """

    _instead_of_a_copy = (
        "keep stream.state, a dict of arrays: other = net.stream(batch), then other.state = state"
    )

    def __init__(
        self, net: NetworkFacts, core: _core.Stream, graph: Graph, ports: Ports, batch: int, dtype: str
    ) -> None:
        self._net = net
        self._core = core
        self._graph = graph
        self._ports = ports
        self._batch = batch
        self._dtype = dtype

    def step(self, x: Any, resets: Any = None, out: Array | None = None) -> Array:
        """Runs one step: x (batch, input_size) floats or ids (batch,) -> outputs (batch, output_size).

        resets: (batch,) booleans; where True, a new sequence starts in the row: its state is set to zeros, or
        to the value of rows from which it starts, before the step. out: the
        array for the outputs, which is also returned: C-contiguous, of the network's dtype. With `out`, a
        step allocates nothing if x is C-contiguous and of the network's dtype (int64 for ids). Raises
        ShapeError, DTypeError or ConfigError.
        """
        done = self._core.step(x, resets, out)
        if done is None:
            marks = None if resets is None else as_flags("resets", resets)
            if marks is not None and marks.shape != (self._batch,):
                raise ShapeError(f"resets is {marks.shape}; expected ({self._batch},): one for each sequence")
            if out is not None:
                self._check_out(out)
            done = self._core.step(self._read(x), marks, out)
            assert done is not None
        return done

    def refresh(self) -> None:
        """Copies the current parameters of the network; the state does not change."""
        self._core.refresh(self._net.arena)

    def _read(self, x: Any) -> Array:
        expected: tuple[int, ...] = (self._batch,)
        node = next(node for node in self._ports.inputs.values() if node.axis != ROW)
        if node.limit is not None:
            ids = np.asarray(x)
            if ids.dtype.kind not in "iu":
                raise DTypeError(f"x is {ids.dtype}; expected integer ids ({self._batch},)")
            array = np.require(ids, np.int64, ["C", "A"])
        else:
            array = as_floats("x", x, self._dtype)
            expected = (self._batch, node.width)
        if array.shape != expected:
            raise ShapeError(f"x is {array.shape}; expected {expected}: one step of each sequence")
        return array

    def _check_out(self, out: Any) -> None:
        expected = (self._batch, self._net.output_size)
        if not isinstance(out, np.ndarray) or out.dtype != self._dtype:
            got = out.dtype if isinstance(out, np.ndarray) else type(out).__name__
            raise DTypeError(f"out is {got}; expected an array of {self._dtype}, to be written in place")
        if out.shape != expected:
            raise ShapeError(f"out is {out.shape}; expected {expected}")
        if not out.flags.carray:
            raise ConfigError(
                "out is not C-contiguous and aligned, or read-only; expected one to write in place"
            )

    @property
    def state(self) -> dict[str, Array]:
        """The state after the last step, like `Run.final_state`; set it to continue another run."""
        return from_slots(self._core.state(), self._graph, self._batch)

    @state.setter
    def state(self, state: Any) -> None:
        slots = to_slots("state", state, self._graph, self._batch, self._dtype, settable=False)
        if state is None:
            self._core.reset()
        else:
            self._core.set_state([slot for slot in slots if slot is not None])

    def reset(self) -> None:
        """Sets every state to zeros, or to a value of rows: the next step starts new sequences."""
        self._core.reset()

    def start(self, rows: Mapping[str, Any] | None = None) -> None:
        """`reset` with other values of rows, a dict as in `Network.stream`.

        Raises ConfigError, ShapeError, DTypeError; then nothing changes.
        """
        self._core.start(self._ports.read_rows(rows, self._batch, self._dtype))
