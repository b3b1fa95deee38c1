"""One step per call, with the state carried inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ostinato.attribute_guard import AttributeGuard
from ostinato.brief import call
from ostinato.errors import ConfigError, DTypeError, ShapeError
from ostinato.network.facts import NetworkFacts
from ostinato.network.states import from_slots, to_slots
from ostinato.network.stepwise import Before, Stepwise
from ostinato.no_copies import NoCopies
from ostinato.sequences.arrays import Array, as_array, as_flags, as_floats, refuse_masked


class Stream(NoCopies, AttributeGuard):
    """A network that runs one step per call: `y = stream.step(x)`. `Network.stream` makes it.

    It holds a copy of the parameters from its creation (`refresh` copies them again), and the state of
    `batch` rows, initially zeros, or values of rows of the graph; of a graph with memories, the states of the
    layers that run at each step. Results are bit-identical to `run` over the whole sequence. Only one thread
    at a time may use a stream; otherwise ConcurrentUseError.
    """

    _instead_of_a_copy = (
        "keep stream.state, a dict of arrays: other = net.stream(batch), then other.state = state"
    )

    def __init__(self, net: NetworkFacts, steps: Stepwise, before: Before) -> None:
        self._net = net
        self._steps = steps
        self._before = before
        self._batch = before.rows
        self._dtype = steps.dtype
        self._arena = self._parameters()
        self._core = steps.core.stream(self._arena, steps.given(before, self._arena))

    def __repr__(self) -> str:
        return call(self, self._net, batch=self._batch)

    def step(self, x: Any, resets: Any = None, out: Array | None = None) -> Array:
        """Runs one step: x (batch, input_size) floats or ids (batch,) -> outputs (batch, output_size).

        resets: (batch,) booleans; where True, a new sequence starts in the row: its state is set to zeros, or
        to the value of rows from which it starts, before the step. out: the
        array for the outputs, which is also returned: C-contiguous, of the network's dtype. With `out`, a
        step allocates nothing if x is C-contiguous and of the network's dtype (int64 for ids). Raises
        ShapeError, DTypeError or ConfigError.
        """
        if type(x) is not np.ndarray:
            refuse_masked("x", x)
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
        arena = self._parameters()
        self._core.refresh(arena, self._steps.given(self._before, arena))
        self._arena = arena

    def _parameters(self) -> Array:
        """The parameters of the network now: a copy, if `start` needs them again."""
        arena = self._net.arena
        return arena.copy() if self._steps.core.reads else arena

    def _read(self, x: Any) -> Array:
        expected: tuple[int, ...] = (self._batch,)
        node = self._steps.fed
        if node.limit is not None:
            ids = as_array("x", x)
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
        arrays: list[Array | None] = [None] * len(self._steps.graph.slots)
        for slot, array in zip(self._steps.core.states, self._core.state(), strict=True):
            arrays[slot] = array
        return from_slots(arrays, self._steps.graph, self._batch)

    @state.setter
    def state(self, state: Any) -> None:
        slots = to_slots(
            "state",
            state,
            self._steps.graph,
            self._batch,
            self._dtype,
            settable=False,
            among=self._steps.state_names,
        )
        if state is None:
            self._core.reset()
        else:
            self._core.set_state([slot for slot in slots if slot is not None])

    def reset(self) -> None:
        """Sets every state to zeros, or to a value of rows: the next step starts new sequences."""
        self._core.reset()

    def start(
        self, rows: Mapping[str, Any] | None = None, *, memory: Any = None, lengths: Any = None
    ) -> None:
        """`reset` with other values of rows and other memories, each as in `Network.stream`.

        Raises ConfigError, ShapeError, DTypeError; then nothing changes.
        """
        before = self._steps.before("start", self._batch, rows, memory, lengths)
        self._core.start(self._steps.given(before, self._arena))
        self._before = before
