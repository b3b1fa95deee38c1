"""Applies regularizers to a step while it is traced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ostinato.dims import describe
from ostinato.errors import ConfigError, ShapeError, TraceError, shown
from ostinato.namespace import Names
from ostinato.ops.table import Value
from ostinato.regularizer import Regularizer
from ostinato.trace.noise import Noise
from ostinato.trace.recorder import Recorder
from ostinato.trace.value import Traced

PLACES = ("input", "weight", "recurrent", "product", "update", "output")

# The kinds of operands of matrices; the first that applies.
GROUPS = ("recurrent", "output", "input")


class Rewrites:
    """Applies regularizers, in order, at the places of one step.

    `groups` names the matrices by their operands (see `Noise`); a trace without regularizers finds them.
    """

    def __init__(
        self,
        regularizers: Sequence[Regularizer] = (),
        training: bool = True,
        groups: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Apply `regularizers` for training or for inference."""
        self.regularizers = regularizers
        self.training = training
        self.groups = dict[str, tuple[str, ...]](dict.fromkeys(GROUPS, ())) if groups is None else groups
        self._reached: set[tuple[int, str]] = set()
        self._entered: dict[int, int] = {}
        self._left: dict[int, int] = {}
        self._params: dict[int, str] = {}

    def begin(
        self,
        recorder: Recorder,
        inputs: list[Traced],
        states: Mapping[str, Traced],
        params: Mapping[str, Traced],
    ) -> tuple[list[Traced], dict[str, Traced]]:
        """Return the inputs and the parameters for the step."""
        self._recorder = recorder
        matrices = [key for key, one in params.items() if one.ndim == 2]
        self.noise = Noise(recorder, self.training, tuple(states), matrices, self.groups)
        self._params = {one.node: key for key, one in params.items()}
        recorder.entering, recorder.leaving = self._enter, self._leave
        inputs = [self._apply("input", one, lambda place, value: place(value, self.noise)) for one in inputs]
        return inputs, {
            key: self._weight(key, one) if key in matrices else one for key, one in params.items()
        }

    def end(
        self, owner: str, output: Traced, updates: Mapping[str, Traced], states: Mapping[str, Traced]
    ) -> tuple[Traced, dict[str, Traced], Traced | None]:
        """Return the output, the next states and the penalty; an output equal to a next state stays so.

        Raises ConfigError for a regularizer whose places this step does not have.
        """
        changed = {key: self._update(key, new, states[key]) for key, new in updates.items()}
        for key, new in updates.items():
            if output.node == new.node:
                output = changed[key]
                break
        output = self._apply("output", output, lambda place, value: place(value, self.noise))
        self._recorder.entering = self._recorder.leaving = None
        if not self.regularizers:
            self.groups = self._found(states)
        for number, one in enumerate(self.regularizers):
            for place in PLACES:
                if _changes(one, place) and (number, place) not in self._reached:
                    raise ConfigError(f"{shown(one)} changes {_WORDS[place]}, which this step does not have")
        return output, changed, self._penalty(owner, output, changed, states)

    def _penalty(
        self, owner: str, output: Traced, new: Mapping[str, Traced], old: Mapping[str, Traced]
    ) -> Traced | None:
        if not self.training:
            return None
        after, before = Names(owner, "state", new), Names(owner, "state", old)
        self._recorder.naming = False
        terms = [
            checked_penalty(one, "step_penalty", one.step_penalty(output, after, before, self.noise))
            for one in self.regularizers
        ]
        self._recorder.naming = True
        return total(terms)

    def _found(self, states: Mapping[str, Traced]) -> dict[str, tuple[str, ...]]:
        """The parameters in the matrices of all products, by their operand, in the order of declaration."""
        recorder, held = self._recorder, {one.node for one in states.values()}
        found: dict[str, set[str]] = {group: set() for group in GROUPS}
        for matrix, vector in recorder.products:
            group = "output" if held & recorder.reachable([vector]) else "input"
            reach = recorder.reachable([matrix])
            names = {name for node, name in self._params.items() if node in reach}
            found["recurrent" if recorder.is_state(vector) else group] |= names
        known: set[str] = set()
        groups = {}
        for group in GROUPS:
            groups[group] = tuple(name for name in self._params.values() if name in found[group] - known)
            known |= found[group]
        return groups

    def _weight(self, name: str, weight: Traced) -> Traced:
        return self._apply("weight", weight, lambda place, value: place(name, value, self.noise))

    def _update(self, name: str, new: Traced, old: Traced) -> Traced:
        return self._apply("update", new, lambda place, value: place(name, value, old, self.noise))

    def _enter(self, matrix: int, vector: int) -> int:
        """The state `vector` is about to be multiplied with `matrix`: return its replacement."""
        if vector not in self._entered:
            self._entered[vector] = self._rewritten("recurrent", vector)
        return self._entered[vector]

    def _leave(self, product: int) -> int:
        """A matrix was multiplied with a vector: return the replacement of the product."""
        if product not in self._left:
            self._left[product] = self._rewritten("product", product)
        return self._left[product]

    def _rewritten(self, place: str, node: int) -> int:
        value = Traced(self._recorder, node, self._recorder.shape(node))
        return self._apply(place, value, lambda method, value: method(value, self.noise)).node

    def _apply(
        self, place: str, value: Traced, call: Callable[[Callable[..., Value], Traced], Value]
    ) -> Traced:
        for number, one in enumerate(self.regularizers):
            if _changes(one, place):
                self._reached.add((number, place))
                # A value keeps its name in the cell, and equations of a regularizer are not regularized
                # themselves.
                recorder = self._recorder
                hooks, recorder.entering, recorder.leaving = (recorder.entering, recorder.leaving), None, None
                recorder.naming = False
                result = call(getattr(one, place), value)
                recorder.naming = True
                recorder.entering, recorder.leaving = hooks
                if not isinstance(result, Traced):
                    raise TraceError(
                        f"{shown(one)}: {place} returns {shown(result)}; expected a value of the step"
                    )
                if [int(size) for size in result.shape] != [int(size) for size in value.shape]:
                    raise ShapeError(
                        f"{shown(one)}: {place} returns shape {describe(result.shape)}; "
                        f"expected {describe(value.shape)}"
                    )
                value = result
        return value


def checked_penalty(regularizer: Regularizer, place: str, term: object) -> Traced | None:
    """The result of a penalty, if it is one number or None. Raises TraceError, ShapeError."""
    if term is None:
        return None
    if not isinstance(term, Traced):
        raise TraceError(
            f"{shown(regularizer)}: {place} returns {shown(term)}; expected a value of the step, or None"
        )
    if term.shape:
        raise ShapeError(
            f"{shown(regularizer)}: {place} returns shape {describe(term.shape)}; expected one number: "
            "use ops.sum or ops.mean"
        )
    return term


def total(terms: Sequence[Traced | None]) -> Traced | None:
    """The sum of the terms that are not None."""
    there = [term for term in terms if term is not None]
    if not there:
        return None
    result: Value = there[0]
    for term in there[1:]:
        result = result + term
    assert isinstance(result, Traced)
    return result


def _changes(regularizer: Regularizer, place: str) -> bool:
    return getattr(type(regularizer), place) is not getattr(Regularizer, place)


_WORDS = {
    "input": "the input",
    "weight": "parameter matrices",
    "recurrent": "states that a matrix multiplies",
    "product": "products of a matrix and a vector",
    "update": "next states",
    "output": "the output",
}
