"""A random program as data: a list of ops that can be run as a cell, printed as Python, and taken apart.

Values are numbered: x is 0, then the states, then the parameters, then one for each op. A float operand is a
constant of the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ostinato import Cell, Param, State, ops

Shape = tuple[int, ...]

STATES = ("h", "c", "m", "n")
"""The names of states; some regularizers look for h."""


@dataclass(frozen=True)
class Op:
    """One op of the table: operands by number, or constants, and what is fixed when it is traced."""

    name: str
    args: tuple[int | float, ...]
    attrs: tuple[tuple[str, Any], ...] = ()
    shape: Shape = ()

    def call(self, args: list[Any]) -> Any:
        if self.name == "transposed":
            return args[0].T @ args[1]
        return getattr(ops, self.name)(*args, **dict(self.attrs))

    def text(self, names: list[str]) -> str:
        if self.name == "transposed":
            return f"{names[0]}.T @ {names[1]}"
        return f"ops.{self.name}({', '.join([*names, *(f'{key}={value}' for key, value in self.attrs)])})"


@dataclass(frozen=True)
class Recipe:
    """A cell. `updates` has the number of the next value of each state, `output` that of the output."""

    inputs: int
    states: tuple[Shape, ...]
    params: tuple[Shape, ...]
    ops: tuple[Op, ...]
    output: int
    updates: tuple[int, ...]

    @property
    def sources(self) -> int:
        """How many values are given: x, states and parameters."""
        return 1 + len(self.states) + len(self.params)

    def shape(self, value: int) -> Shape:
        given = [(self.inputs,), *self.states, *self.params]
        return given[value] if value < len(given) else self.ops[value - len(given)].shape

    def used(self) -> set[int]:
        """The values that reach the output or a next state."""
        used = {self.output, *self.updates}
        for number in range(len(self.ops) - 1, -1, -1):
            if number + self.sources in used:
                used.update(arg for arg in self.ops[number].args if isinstance(arg, int))
        return used

    def tidy(self, dead: bool = False) -> Recipe:
        """Without ops that nothing reads, and without such parameters, which a cell may not have.

        With `dead` those ops stay whose operands do.
        """
        first, live = 1 + len(self.states), self.used()
        kept = set(range(first)) | live
        for number, op in enumerate(self.ops, self.sources):
            if dead and all(arg in kept for arg in op.args if isinstance(arg, int)):
                kept.add(number)
        moved = {value: place for place, value in enumerate(sorted(kept))}
        return Recipe(
            self.inputs,
            self.states,
            tuple(shape for k, shape in enumerate(self.params, first) if k in kept),
            tuple(
                replace(op, args=tuple(moved[a] if isinstance(a, int) else a for a in op.args))
                for number, op in enumerate(self.ops, self.sources)
                if number in kept
            ),
            moved[self.output],
            tuple(moved[value] for value in self.updates),
        )

    def cell(self) -> type[Cell]:
        recipe = self

        class Random(Cell):
            def parameters(self, size: Any) -> dict[str, Param]:
                return {f"p{k}": Param(shape, init="zeros") for k, shape in enumerate(recipe.params)}

            def state(self, size: Any) -> dict[str, State]:
                return {STATES[k]: State(shape) for k, shape in enumerate(recipe.states)}

            def step(self, x: Any, state: Any, p: Any) -> Any:
                values = [x, *(state[name] for name in STATES[: len(recipe.states)])]
                values += [p[f"p{k}"] for k in range(len(recipe.params))]
                for op in recipe.ops:
                    values.append(op.call([values[a] if isinstance(a, int) else a for a in op.args]))
                new = {STATES[k]: values[value] for k, value in enumerate(recipe.updates)}
                return values[recipe.output], new

        return Random

    def __str__(self) -> str:
        names = ["x", *(f"state.{name}" for name in STATES[: len(self.states)])]
        names += [f"p.p{k}" for k in range(len(self.params))]
        lines = []
        used = self.used()
        for op in self.ops:
            number = len(names)
            names.append(f"v{number}")
            if number in used:
                text = op.text([names[a] if isinstance(a, int) else repr(a) for a in op.args])
                lines.append(f"        v{number} = {text}")
        states = ", ".join(f'"{STATES[k]}": State({shape})' for k, shape in enumerate(self.states))
        params = ", ".join(f'"p{k}": Param({shape})' for k, shape in enumerate(self.params))
        new = ", ".join(f'"{STATES[k]}": {names[value]}' for k, value in enumerate(self.updates))
        return "\n".join(
            [
                f"class Found(Cell):  # input_size {self.inputs}",
                f"    def parameters(self, size): return {{{params}}}",
                f"    def state(self, size): return {{{states}}}",
                "    def step(self, x, state, p):",
                *lines,
                f"        return {names[self.output]}, {{{new}}}",
            ]
        )

    def smaller(self) -> Iterator[Recipe]:
        """Recipes with one thing less, the largest cuts first."""
        yield from (one.tidy() for one in self._cuts() if one != self)

    def _cuts(self) -> Iterator[Recipe]:
        for state in range(len(self.states)):
            yield from self._without_state(state)
        ends = range(self.sources + len(self.ops) - 1, self.sources - 1, -1)
        used = self.used()
        for number in ends:
            if number in used:
                op, shape = self.ops[number - self.sources], self.shape(number)
                operands = [arg for arg in op.args if isinstance(arg, int)]
                for other in dict.fromkeys([*operands, *range(number)]):
                    if self.shape(other) == shape and self._fits(number, other):
                        yield self._with(number, other)
        for value in sorted(used):
            if len(self.shape(value)) == 1 and value != self.output and value >= 0:
                yield replace(self, output=value)

    def _fits(self, number: int, other: int) -> bool:
        """Whether an index stays an index, and a matrix of parameters one."""
        names = {self.ops[value - self.sources].name for value in (number, other) if value >= self.sources}
        is_index = [
            value >= self.sources and self.ops[value - self.sources].name == "argmax"
            for value in (number, other)
        ]
        return is_index[0] == is_index[1] and "one_hot" not in names

    def _with(self, number: int, other: int) -> Recipe:
        """The recipe in which `other` is read instead of `number`."""

        def of(arg: int | float) -> int | float:
            return other if isinstance(arg, int) and arg == number else arg

        made = tuple(replace(op, args=tuple(of(arg) for arg in op.args)) for op in self.ops)
        return replace(
            self,
            ops=made,
            output=int(of(self.output)),
            updates=tuple(int(of(value)) for value in self.updates),
        )

    def _without_state(self, state: int) -> Iterator[Recipe]:
        """The recipe in which a parameter, or another state, stands for a state."""
        shape = self.states[state]
        own = 1 + state
        if shape:
            # the parameter takes the place of the state among the numbers, moved behind the states
            moved = len(self.states)

            def of(arg: int | float) -> int | float:
                if not isinstance(arg, int):
                    return arg
                return moved if arg == own else arg - 1 if own < arg <= moved else arg

            yield Recipe(
                self.inputs,
                self.states[:state] + self.states[state + 1 :],
                (shape, *self.params),
                tuple(replace(op, args=tuple(of(arg) for arg in op.args)) for op in self.ops),
                int(of(self.output)),
                tuple(int(of(v)) for k, v in enumerate(self.updates) if k != state),
            )
