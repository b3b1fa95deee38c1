"""The only user of the core's ProgramBuilder: constants once, locations and names for every node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FrameType
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ostinato import _core
from ostinato.dims import Dim, as_dim, parse
from ostinato.errors import TraceError
from ostinato.ops.table import Symbolic, Value
from ostinato.trace.where import author_frame, describe_frame

LARGEST_ARRAY: Final = 1024
"""The largest number of elements of an array that stands in a step: each is written in the program's text."""


class Node(Symbolic):
    """A symbolic value that is one node of a program."""

    __slots__ = ("node", "recorder")
    recorder: Recorder
    node: int


class Recorder:
    """Builds one program while its step runs."""

    def __init__(
        self, name: str, sizes: Mapping[str, int], only: frozenset[str] | None = None, why: str = ""
    ) -> None:
        """Start an empty program called `name` with the named sizes.

        `only` are the allowed ops, None for all of them; `why` is the reason against the others.
        """
        self.name = name
        self._only = only
        self._why = why
        self.builder = _core.ProgramBuilder(name, {key: int(size) for key, size in sizes.items()})
        self._sizes = set(sizes)
        self._dims: dict[tuple[int, str], Dim] = {}
        self._names: dict[int, str] = {}
        self._memories: dict[int, str] = {}
        # How many nodes have a name; by name, the numbers below this are in use.
        self._taken: Counter[str] = Counter()
        self._free: dict[str, int] = {}
        # By node with a numbered name: the name without the number, and the number.
        self._numbered: dict[int, tuple[str, int]] = {}
        self._constants: dict[str, int] = {}
        self._operands: dict[int, set[int]] = {}
        # States, and products and parts of them: the vectors for which `entering` is called.
        self._states: set[int] = set()
        self.entering: Callable[[int, int], int] | None = None
        # Called with every product; it may return a replacement.
        self.leaving: Callable[[int], int] | None = None
        # Called with a value, a measure and what it goes over; only optimizers have reductions.
        self.reducing: Callable[[int, str, str], int] | None = None
        # The matrix and the vector of every product.
        self.products: list[tuple[int, int]] = []
        # Whether the author's variable names become names of values.
        self.naming = True

    def declare(
        self, kind: Literal["input", "state", "param"], name: str, shape: Sequence[int]
    ) -> tuple[int, tuple[Dim, ...]]:
        """Add an input, a state or a parameter (`kind`) of the given shape."""
        texts = [as_dim(size).text for size in shape]
        declare: Callable[[str, Sequence[str]], int] = getattr(self.builder, kind)
        node = declare(name, texts)
        self._set_name(node, name)
        if kind == "state":
            self._states.add(node)
        return node, self.shape(node)

    def declare_memory(self, name: str, width: int, axis: int) -> tuple[int, tuple[Dim, ...]]:
        """Add a memory of `width` features per entry, on an entries axis."""
        node = self.builder.memory(name, [as_dim(width).text], axis)
        self._set_name(node, name)
        self._memories[axis] = name
        return node, self.shape(node)

    def declare_state_on(self, name: str, shape: Sequence[int], axis: int) -> tuple[int, tuple[Dim, ...]]:
        """Add a state with one value for each entry of an entries axis."""
        node = self.builder.state_on(name, [as_dim(size).text for size in shape], axis)
        self._names[node] = name
        self._states.add(node)
        return node, self.shape(node)

    def memory_of(self, node: int) -> str | None:
        """Return the name of the memory on whose entries a value lies; None for a value of the row."""
        axis = self.builder.entries(node)
        return None if axis is None else self._memories[axis]

    def declare_index(self, name: str) -> int:
        """Add an input of ids."""
        node = self.builder.index_input(name)
        self._set_name(node, name)
        return node

    def shape(self, node: int) -> tuple[Dim, ...]:
        """Return a node's shape, with the texts of the core."""
        return tuple([self._dim(one) for one in self.builder.shape(node)])

    def _dim(self, size: tuple[int, str]) -> Dim:
        """A size by its number and its text, which are few in a program."""
        dim = self._dims.get(size)
        if dim is None:
            value, text = size
            dim = self._dims[size] = parse(text, value, self._sizes)
        return dim

    def constant(self, value: Value) -> int:
        """Return the node of a plain number or a small array; raise TraceError for anything else."""
        if isinstance(value, bool | np.bool_):
            raise TraceError(
                f"a Python {value} is not a value of a step; "
                "compare with < <= > >= or ops.equal, and write 1.0 and 0.0 for constants"
            )
        if isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "iuf":
            return self._array(value)
        if np.ndim(value) != 0 or np.asarray(value).dtype.kind not in "iuf":
            what = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else repr(value)
            raise TraceError(
                f"{what} is not traced; the constants of a step are numbers and arrays of up to "
                f"{LARGEST_ARRAY} numbers"
            )
        number = float(value)
        # As text, because 0.0 and -0.0 would be one key, and a NaN none.
        key = number.hex()
        if key not in self._constants:
            self._constants[key] = self.builder.const(number)
        return self._constants[key]

    def _array(self, array: NDArray[Any]) -> int:
        """Return the node of an array: its numbers, side by side."""
        if not 0 < array.size <= LARGEST_ARRAY or array.ndim > 2:
            raise TraceError(
                f"an array of shape {array.shape} is not traced; an array in a step has up to 2 axes and 1 "
                f"to {LARGEST_ARRAY} numbers. A cell declares a larger one in parameters(size), as "
                "ost.Const(array)"
            )
        node, _, _ = self.add("concat", [self.constant(float(one)) for one in array.ravel()], {})
        if array.ndim == 1:
            return node
        return self.add("reshape", [node], {"shape": array.shape})[0]

    def add(
        self, op: str, operands: Sequence[int], attrs: Mapping[str, Any]
    ) -> tuple[int, tuple[Dim, ...], bool]:
        """Add an op; return its node, its shape, and whether it is an id. Errors name the author's line.

        Before a state is multiplied with a matrix, `entering(matrix, state)` may replace the state;
        afterwards `leaving(product)` may replace the product.
        """
        if self._only is not None and op not in self._only:
            raise TraceError(f"ops.{op} is not element by element; {self._why}")
        if op == "matmul":
            self.products.append((operands[0], operands[1]))
        if op == "matmul" and self.entering is not None and operands[1] in self._states:
            operands = [operands[0], self.entering(operands[0], operands[1])]
        frame = author_frame()
        if frame is not None and self.naming:
            self._name_locals(frame)
        node = self.builder.add(op, operands, _plain(attrs), describe_frame(frame))
        if op in ("mul", "slice", "reshape") and self._states.intersection(operands):
            self._states.add(node)
        # Equal nodes are one, and an op without effect returns its operand: a node may occur again.
        self._operands.setdefault(node, set()).update(one for one in operands if one != node)
        if op == "matmul" and self.leaving is not None:
            node = self.leaving(node)
        return node, self.shape(node), self.builder.is_index(node)

    def check_same(self, other: Recorder, called: str) -> None:
        """Raise TraceError for a value of another trace, which came in through a closure or a global."""
        if other is not self:
            raise TraceError(
                f"{called} belongs to another trace; a step may only use its arguments: x, state, p"
            )

    def name_of(self, node: int) -> str:
        """Return a node's name in the author's code, or a description of an unnamed value."""
        return f"'{self._names[node]}'" if node in self._names else "an unnamed value"

    def is_state(self, node: int) -> bool:
        """Return whether a node is a state, a part of one, or a product of one with a gate."""
        return node in self._states

    def reachable(self, roots: Iterable[int]) -> set[int]:
        """Return every node from which the given ones are computed, including themselves."""
        seen: set[int] = set()
        pending = list(roots)
        while pending:
            node = pending.pop()
            if node not in seen:
                seen.add(node)
                pending.extend(self._operands.get(node, ()))
        return seen

    def finish(self, outputs: Sequence[tuple[str, int]], updates: Sequence[tuple[str, int]]) -> _core.Program:
        """Complete the program."""
        for node in sorted(self._numbered):
            self.builder.name(node, self._names[node])
        return self.builder.finish(outputs, updates)

    def name_node(self, node: int, name: str) -> None:
        """Name a node, unless it has a name, with a number after a name in use: z, z_2, z_3.

        The author did not choose a numbered name, so a later call may replace it; the core gets it at the
        end.
        """
        if node in self._names and node not in self._numbered:
            return
        if node in self._numbered:
            self._release(node)
        unique, count = name, 1
        if self._taken[name]:
            count = self._free.get(name, 2)
            while self._taken[unique := f"{name}_{count}"]:
                count += 1
            self._free[name] = count + 1
        self._set_name(node, unique)
        if count > 1:
            self._numbered[node] = (name, count)
        else:
            self.builder.name(node, unique)

    def _set_name(self, node: int, name: str) -> None:
        self._names[node] = name
        self._taken[name] += 1

    def _release(self, node: int) -> None:
        """Make the numbered name of a node free for others."""
        name, count = self._numbered.pop(node)
        self._taken[self._names.pop(node)] -= 1
        self._free[name] = min(self._free[name], count)

    def is_unnamed(self, node: int) -> bool:
        """Return whether a node has no name yet."""
        return node not in self._names

    def _name_locals(self, frame: FrameType) -> None:
        for name, value in list(frame.f_locals.items()):
            if isinstance(value, Node) and value.recorder is self and value.node not in self._names:
                self.name_node(value.node, name)


def _plain(attrs: Mapping[str, Any]) -> dict[str, float | Sequence[str]]:
    return {
        name: [as_dim(size).text for size in value] if isinstance(value, list | tuple) else float(value)
        for name, value in attrs.items()
    }
