"""Where regularizers come into a step while it is traced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ostinato.dims import describe
from ostinato.errors import ConfigError, ShapeError, TraceError
from ostinato.ops.table import Value
from ostinato.regularizer import Regularizer
from ostinato.trace.noise import Noise
from ostinato.trace.recorder import Recorder
from ostinato.trace.value import Traced

PLACES = ("input", "weight", "recurrent", "update", "output")


class Rewrites:
    """Applies regularizers, in order, at the places of one step.

    `recurrent` names the matrices that a state is multiplied with, which a trace without regularizers finds:
    afterwards they are in `found`.
    """

    def __init__(
        self,
        regularizers: Sequence[Regularizer] = (),
        training: bool = True,
        recurrent: frozenset[str] = frozenset(),
    ) -> None:
        """Apply `regularizers` for training or for inference."""
        self.regularizers = regularizers
        self.training = training
        self.recurrent = recurrent
        self.found: set[str] = set()
        self._reached: set[tuple[int, str]] = set()
        self._entered: dict[int, int] = {}
        self._params: dict[int, str] = {}

    def begin(
        self,
        recorder: Recorder,
        inputs: list[Traced],
        states: Mapping[str, Traced],
        params: Mapping[str, Traced],
    ) -> tuple[list[Traced], dict[str, Traced]]:
        """Return what the step is to be given as inputs and as parameters."""
        self._recorder = recorder
        matrices = [key for key, one in params.items() if one.ndim == 2]
        self._noise = Noise(recorder, self.training, tuple(states), matrices, self.recurrent)
        self._params = {one.node: key for key, one in params.items()}
        recorder.entering = self._enter
        inputs = [self._apply("input", one, lambda place, value: place(value, self._noise)) for one in inputs]
        return inputs, {
            key: self._weight(key, one) if key in matrices else one for key, one in params.items()
        }

    def end(
        self, output: Traced, updates: Mapping[str, Traced], states: Mapping[str, Traced]
    ) -> tuple[Traced, dict[str, Traced]]:
        """Return the output and the next states; an output that is a next state stays that state.

        Raises ConfigError for a regularizer whose places this step does not have.
        """
        changed = {key: self._update(key, new, states[key]) for key, new in updates.items()}
        for key, new in updates.items():
            if output.node == new.node:
                output = changed[key]
                break
        output = self._apply("output", output, lambda place, value: place(value, self._noise))
        self._recorder.entering = None
        for number, one in enumerate(self.regularizers):
            for place in PLACES:
                if _changes(one, place) and (number, place) not in self._reached:
                    raise ConfigError(f"{one!r} changes {_WORDS[place]}, which this step does not have")
        return output, changed

    def _weight(self, name: str, weight: Traced) -> Traced:
        return self._apply("weight", weight, lambda place, value: place(name, value, self._noise))

    def _update(self, name: str, new: Traced, old: Traced) -> Traced:
        return self._apply("update", new, lambda place, value: place(name, value, old, self._noise))

    def _enter(self, matrix: int, vector: int) -> int:
        """A state, `vector`, is about to be multiplied with `matrix`: return what is, in its place."""
        reach = self._recorder.reachable([matrix])
        self.found |= {name for node, name in self._params.items() if node in reach}
        if vector not in self._entered:
            # Equations of a regularizer are not regularized themselves.
            self._recorder.entering = None
            value = Traced(self._recorder, vector, self._recorder.shape(vector))
            done = self._apply("recurrent", value, lambda place, value: place(value, self._noise))
            self._entered[vector] = done.node
            self._recorder.entering = self._enter
        return self._entered[vector]

    def _apply(
        self, place: str, value: Traced, call: Callable[[Callable[..., Value], Traced], Value]
    ) -> Traced:
        for number, one in enumerate(self.regularizers):
            if _changes(one, place):
                self._reached.add((number, place))
                # A value keeps the name that it has in the cell.
                self._recorder.naming = False
                result = call(getattr(one, place), value)
                self._recorder.naming = True
                if not isinstance(result, Traced):
                    raise TraceError(f"{one!r}: {place} returns {result!r}; expected a value of the step")
                if [int(size) for size in result.shape] != [int(size) for size in value.shape]:
                    raise ShapeError(
                        f"{one!r}: {place} returns shape {describe(result.shape)}; "
                        f"expected {describe(value.shape)}"
                    )
                value = result
        return value


def _changes(regularizer: Regularizer, place: str) -> bool:
    return getattr(type(regularizer), place) is not getattr(Regularizer, place)


_WORDS = {
    "input": "the input",
    "weight": "parameter matrices",
    "recurrent": "states that a matrix multiplies",
    "update": "next states",
    "output": "the output",
}
