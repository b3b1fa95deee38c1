"""Random recipes over the whole op table, with a bias towards what a planner can get wrong.

States are swapped, copied, delayed, joined, linear in themselves or not, read before and after their update.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.oracle.recipe import Op, Recipe, Shape

UNARY = [
    "neg",
    "sigmoid",
    "tanh",
    "relu",
    "softplus",
    "silu",
    "gelu",
    "erf",
    "sin",
    "cos",
    "abs",
    "sign",
    "round",
    "floor",
]
COMPARE = ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"]
REDUCE = ["sum", "mean", "max", "logsumexp"]
ROW_MAPS = ["softmax", "log_softmax", "layer_norm", "rms_norm"]


class Generator:
    """Writes one recipe, op by op."""

    def __init__(self, seed: int, inputs: int | None = None) -> None:
        self.rng = random.Random(seed)
        rng = self.rng
        self.hidden = rng.choice([1, 2, 3, 4, 4, 5])
        self.inputs = rng.choice([1, 2, 3, 4])
        self.reads_input = inputs is not None
        if inputs is not None:
            self.inputs = inputs
        vector: Shape = (self.hidden,)
        others: list[Shape] = [vector, vector, vector, (), (2,), (2, self.hidden), (self.inputs,)]
        self.states = [vector if rng.random() < 0.7 else rng.choice(others) for _ in range(rng.randint(1, 4))]
        if rng.random() < 0.03:
            self.states = []
        self.params: list[Shape] = [vector, (self.hidden, self.inputs), (self.hidden, self.hidden)]
        self.params += [rng.choice([(3, self.hidden), (2,), vector]) for _ in range(rng.randint(0, 2))]
        self.ops: list[Op] = []
        self.shapes: list[Shape] = [(self.inputs,), *self.states, *self.params]
        self.sources = len(self.shapes)
        first = 1 + len(self.states)
        self.folded = [first <= k for k in range(self.sources)]
        self.index = [False] * self.sources

    def add(
        self, name: str, args: list[int | float], made: Shape, index: bool = False, **attrs: object
    ) -> int:
        self.ops.append(Op(name, tuple(args), tuple(attrs.items()), made))
        self.shapes.append(made)
        # what a table or an id makes of parameters is no parameter
        stays = not index and name != "lookup"
        self.folded.append(stays and all(self.folded[a] for a in args if isinstance(a, int)))
        self.index.append(index)
        return len(self.shapes) - 1

    def values(self, fits: Callable[[Shape], bool]) -> list[int]:
        return [k for k, shape in enumerate(self.shapes) if fits(shape) and not self.index[k]]

    def pick(self, fits: Callable[[Shape], bool] = lambda _: True) -> int | None:
        """A value whose shape fits: a state, or something young, more often than others."""
        found = self.values(fits)
        if not found:
            return None
        states = [k for k in found if 1 <= k <= len(self.states)]
        if states and self.rng.random() < 0.3:
            return self.rng.choice(states)
        return self.rng.choice(found[-6:] if self.rng.random() < 0.5 else found)

    def some(self) -> int:
        return self.pick() or 0

    def vector(self, width: int | None = None) -> int:
        value = self.pick(lambda shape: len(shape) == 1 and width in (None, shape[0]))
        return self.as_shape(self.some(), (width or self.hidden,)) if value is None else value

    def as_shape(self, value: int, shape: Shape) -> int:
        """The value in another shape: cut, repeated, joined or reduced."""
        have = self.shapes[value]
        if have == shape:
            return value
        if not shape:
            flat = self.flat(value)
            return self.add(self.rng.choice(["sum", "mean", "max"]), [flat], ())
        if len(shape) == 2:
            row = self.as_shape(value, (shape[1],))
            return self.add("broadcast_to", [row], shape, shape=shape)
        if have in ((), (1,)):
            return self.add("broadcast_to", [value], shape, shape=shape)
        value = self.flat(value)
        (have,) = [self.shapes[value][0]]
        while have < shape[0]:
            other = value if self.rng.random() < 0.5 else self.flat(self.some())
            value = self.add("concat", [value, other], (have + self.shapes[other][0],))
            have = self.shapes[value][0]
        if have > shape[0]:
            start = self.rng.randint(0, have - shape[0])
            value = self.add("slice", [value], shape, start=start, stop=start + shape[0])
        return value

    def flat(self, value: int) -> int:
        """The value as a vector."""
        shape = self.shapes[value]
        if shape == ():
            return self.add("reshape", [value], (1,), shape=(1,))
        if len(shape) == 2:
            size = shape[0] * shape[1]
            return self.add("reshape", [value], (size,), shape=(size,))
        return value

    def partner(self, value: int) -> int | float:
        """A second operand: of the same shape, or one that broadcasts to it."""
        if self.rng.random() < 0.2:
            return self.rng.choice([0.5, -0.7, 1.5, 2.0, 1.0])
        shape = self.shapes[value]
        narrow = {shape, shape[-1:], (), (1,)} if shape else {()}
        found = self.pick(lambda one: one in narrow)
        return self.as_shape(self.some(), shape) if found is None or found == value else found

    def binary(self, name: str, a: int, b: int | float) -> int:
        return self.add(name, [a, b], self.shapes[a])

    # one op, or a few, of a family

    def unary(self) -> int:
        value, name = self.some(), self.rng.choice([*UNARY, "leaky_relu", "elu", "clip", "stop_gradient"])
        shape = self.shapes[value]
        if name in ("leaky_relu", "elu"):
            return self.add(name, [value], shape, alpha=self.rng.choice([0.2, 0.7]))
        if name == "clip":
            return self.add(name, [value], shape, low=-0.4, high=0.6)
        return self.add(name, [value], shape)

    def narrow_domain(self) -> int:
        """exp, log, sqrt, pow, div and the gamma functions where they are defined and small."""
        value = self.some()
        shape, name = (
            self.shapes[value],
            self.rng.choice(["exp", "log", "sqrt", "pow", "div", "lgamma", "digamma", "polygamma"]),
        )
        if name == "exp":
            return self.add("exp", [self.add("tanh", [value], shape)], shape)
        positive = self.binary("add", self.binary("mul", value, value), 0.5)
        if name == "div":
            return self.binary("div", self.as_shape(self.some(), shape), positive)
        if name == "pow":
            power = self.rng.choice([2.0, 0.5, -1.0]) if self.rng.random() < 0.5 else None
            if power is None:
                return self.binary("pow", positive, self.add("sigmoid", [value], shape))
            return self.binary("pow", positive, power)
        if name == "polygamma":
            return self.add(name, [self.rng.choice([0.0, 1.0, 2.0]), positive], shape)
        return self.add(name, [positive], shape)

    def arithmetic(self) -> int:
        value, name = (
            self.some(),
            self.rng.choice(["add", "add", "sub", "mul", "mul", "minimum", "maximum", "logaddexp"]),
        )
        return self.binary(name, value, self.partner(value))

    def choice(self) -> int:
        value, name = self.some(), self.rng.choice(COMPARE)
        sign = self.binary(name, value, self.partner(value))
        if self.rng.random() < 0.2:
            return sign
        other = self.as_shape(self.some(), self.shapes[value])
        return self.add("where", [sign, value, other], self.shapes[value])

    def product(self) -> int:
        matrix = self.rng.choice([k for k in self.values(lambda shape: len(shape) == 2) if self.folded[k]])
        rows, columns = self.shapes[matrix]
        own = matrix < self.sources
        if own and self.rng.random() < 0.2:
            return self.add("transposed", [matrix, self.vector(rows)], (columns,))
        if own and self.rng.random() < 0.1 and rows > 1:
            matrix = self.add("slice", [matrix], (rows - 1, columns), start=1, stop=rows)
            rows -= 1
        return self.add("matmul", [matrix, self.vector(columns)], (rows,))

    def matrix(self) -> int:
        """A product or a transpose of any matrix, an op along its first axis, or a matrix of two vectors."""
        found = self.pick(lambda shape: len(shape) == 2)
        if found is None or self.rng.random() < 0.2:
            left, right = self.vector(), self.as_shape(self.some(), (self.rng.choice([1, 2, 3]),))
            size = (self.shapes[left][0], self.shapes[right][0])
            return self.add("outer", [left, right], size)
        rows, columns = self.shapes[found]
        kind = self.rng.choice(["matmul", "transposed", "matrices", "transpose", "sum", "max", "softmax"])
        if kind == "matmul":
            return self.add("matmul", [found, self.vector(columns)], (rows,))
        if kind == "transposed":
            return self.add("transposed", [found, self.vector(rows)], (columns,))
        if kind == "transpose":
            return self.add("transpose", [found], (columns, rows))
        if kind == "softmax":
            return self.add("softmax", [found], (rows, columns), axis=0)
        if kind != "matrices":
            return self.add(kind, [found], (columns,), axis=0)
        if rows * rows > 64:
            return found
        return self.add("matmul", [found, self.add("transpose", [found], (columns, rows))], (rows, rows))

    def reduction(self) -> int:
        value = self.pick(lambda shape: len(shape) > 0) or 0
        shape, keep = self.shapes[value], self.rng.random() < 0.5
        name = self.rng.choice(REDUCE)
        made = shape[:-1] + ((1,) if keep else ())
        return self.add(name, [value], made, keepdims=keep)

    def row_map(self) -> int:
        value = self.pick(lambda shape: len(shape) > 0 and shape[-1] > 1) or 0
        return self.add(self.rng.choice(ROW_MAPS), [value], self.shapes[value])

    def dot(self) -> int:
        value = self.vector()
        return self.add("dot", [value, self.vector(self.shapes[value][0])], ())

    def moving(self) -> int:
        kind = self.rng.choice(["slice", "concat", "reshape", "broadcast_to"])
        value = self.some()
        flat = self.flat(value)
        width = self.shapes[flat][0]
        if kind == "slice":
            start = self.rng.randint(0, width - 1)
            stop = self.rng.randint(start + 1, width)
            return self.add("slice", [flat], (stop - start,), start=start, stop=stop)
        if kind == "concat":
            others = [self.flat(self.some()) for _ in range(self.rng.randint(1, 2))]
            size = width + sum(self.shapes[other][0] for other in others)
            return self.add("concat", [flat, *others], (size,)) if size <= 24 else flat
        if kind == "reshape" and width % 2 == 0:
            return self.add("reshape", [flat], (2, width // 2), shape=(2, width // 2))
        return self.add("broadcast_to", [flat], (2, width), shape=(2, width))

    def by_id(self) -> int:
        value = self.vector()
        width = self.shapes[value][0]
        id_ = self.add("argmax", [value], (), index=True)
        kind = self.rng.choice(["lookup", "pick", "one_hot", "take"])
        if kind == "take":
            of, places = self.vector(), self.binary(self.rng.choice(COMPARE), value, self.partner(value))
            places = self.binary("sub", self.binary("mul", places, self.rng.choice([2.0, 3.0])), 1.0)
            return self.add("take", [of, places], (width,))
        tables = [k for k in range(self.sources) if self.folded[k] and len(self.shapes[k]) == 2]
        tables = [k for k in tables if self.shapes[k][0] >= width]
        if kind == "lookup" and tables:
            table = self.rng.choice(tables)
            return self.add("lookup", [table, id_], self.shapes[table][1:])
        if kind == "one_hot":
            return self.add("one_hot", [id_], (width,), size=width)
        return self.add("pick", [self.vector(width), id_], ())

    def interpolation(self) -> int:
        """`a b + (1 - a) c`, which the planner makes one op, and what looks like it."""
        value = self.some()
        shape = self.shapes[value]
        gate = self.add("sigmoid", [value], shape)
        rest = self.add("sub", [self.rng.choice([1.0, 1.0, 2.0, 0.5]), gate], shape)
        near, far = self.as_shape(self.some(), shape), self.as_shape(self.some(), shape)
        return self.binary("add", self.binary("mul", gate, near), self.binary("mul", rest, far))

    def of_input(self) -> int:
        """What cells do with their input: a product, a part, or a nonlinear function of a part."""
        x, matrix, kind = 0, 2 + len(self.states), self.rng.choice(["product", "product", "part", "function"])
        if kind == "product":
            return self.add("matmul", [matrix, x], (self.hidden,))
        start = self.rng.randint(0, self.inputs - 1)
        stop = self.rng.randint(start + 1, self.inputs)
        part = self.add("slice", [x], (stop - start,), start=start, stop=stop)
        name = self.rng.choice(["tanh", "sigmoid", "softmax" if stop > start + 1 else "tanh"])
        return part if kind == "part" else self.add(name, [part], (stop - start,))

    FAMILIES = ("arithmetic",) * 5 + ("unary",) * 4 + ("product",) * 3 + ("moving",) * 2 + (
        "matrix", "reduction", "row_map", "dot", "choice", "interpolation", "narrow_domain",
        "by_id")  # fmt: skip

    def write(self) -> Recipe:
        rng = self.rng
        for _ in range(rng.randint(1, 3) if self.reads_input else 0):
            self.of_input()
        for _ in range(rng.choice([0, 1, 2, 3, 5, 8, 12])):
            getattr(self, rng.choice(self.FAMILIES))()
        updates: list[int] = []
        if len(self.states) > 1 and self.states[0] == self.states[1] and rng.random() < 0.15:
            updates = self.rotation()
        while len(updates) < len(self.states):
            updates.append(self.update(len(updates), updates))
        for _ in range(rng.choice([0, 0, 1, 3])):
            getattr(self, rng.choice(self.FAMILIES))()
        output = self.output(updates)
        made = tuple(self.ops)
        whole = Recipe(self.inputs, tuple(self.states), tuple(self.params), made, output, tuple(updates))
        return whole.tidy(dead=rng.random() < 0.3)

    def factor(self, shape: Shape) -> int | float:
        """What a linear state is multiplied with: a constant, a parameter, or a gate."""
        if self.rng.random() < 0.4:
            return self.rng.choice([0.5, -0.5, 0.9, 1.0])
        value = self.as_shape(self.some(), shape)
        return value if self.rng.random() < 0.3 else self.add("sigmoid", [value], shape)

    def rotation(self) -> list[int]:
        """Two states that are linear in each other."""
        shape, made = self.states[0], []
        a, b = self.factor(shape), self.factor(shape)
        for first, second, name in ((1, 2, "sub"), (2, 1, "add")):
            left, right = self.binary("mul", first, a), self.binary("mul", second, b)
            made.append(self.binary(name, left, right))
            if self.rng.random() < 0.7:
                made[-1] = self.binary("add", made[-1], self.as_shape(self.some(), shape))
        return made

    def line(self, own: int, width: int) -> int:
        """A state that moves by some elements, mostly all that stay inside; new ones come from anywhere."""
        count = self.rng.randint(1, width - 1)
        kept = width - count
        if kept > 1 and self.rng.random() < 0.25:
            kept -= 1  # one element does not move on
        start = self.rng.choice([0, width - kept])
        stays = self.add("slice", [own], (kept,), start=start, stop=start + kept)
        new = self.as_shape(self.of_input() if self.reads_input else self.some(), (width - kept,))
        if width - kept > 1 and self.rng.random() < 0.2:
            ends = [(0, 1), (1, width - kept)]
            first, last = (
                self.add("slice", [new], (stop - begin,), start=begin, stop=stop) for begin, stop in ends
            )
            return self.add("concat", [first, stays, last], (width,))
        parts = [new, stays] if start == 0 else [stays, new]
        if self.rng.random() < 0.15:
            parts.reverse()
        moved = self.add("concat", parts, (width,))
        if self.rng.random() < 0.8:
            return moved
        return self.binary("add", moved, self.as_shape(self.some(), (width,)))

    def update(self, state: int, done: list[int]) -> int:
        shape, own, draw = self.states[state], 1 + state, self.rng.random()
        same = [k for k in range(self.sources) if self.shapes[k] == shape]
        if len(shape) == 1 and shape[0] > 1 and self.rng.random() < 0.12:
            return self.line(own, shape[0])
        if draw < 0.35:
            factor = self.factor(shape)
            rest = self.as_shape(self.some(), shape)
            first = own if factor == 1.0 else self.binary("mul", own, factor)
            return self.binary(self.rng.choice(["add", "add", "sub"]), first, rest)
        if draw < 0.42:
            return self.almost_linear(own)
        if draw < 0.58:
            return self.rng.choice(same)  # an old value, its own or another's; the input; a parameter
        joined = [value for value in done if self.shapes[value] == shape]
        if draw < 0.64 and joined:
            return self.rng.choice(joined)
        value = self.as_shape(self.some(), shape)
        return value if self.rng.random() < 0.5 else self.add("tanh", [value], shape)

    def almost_linear(self, own: int) -> int:
        """Linear in the state but for a factor, a divisor or a condition that knows it."""
        shape, kind = self.shapes[own], self.rng.choice(["choice", "square", "quotient"])
        rest = self.as_shape(self.some(), shape)
        decayed = self.binary("mul", own, 0.5)
        if kind == "choice":
            # a number that is not 0 counts as true; a comparison is not linear, whatever reads it
            condition = self.rng.choice([own, decayed, self.binary("greater", own, rest)])
            return self.add("where", [condition, decayed, self.binary("add", own, rest)], shape)
        if kind == "square":
            return self.binary("add", self.binary("mul", decayed, own), rest)
        positive = self.binary("add", self.binary("mul", own, own), 1.0)
        return self.binary("div", self.binary("add", own, rest), positive)

    def output(self, updates: list[int]) -> int:
        if self.rng.random() < 0.08:  # a part that stands twice has one of its places only
            value = self.vector()
            part, other = self.add("tanh", [value], self.shapes[value]), self.vector()
            size = 2 * self.shapes[part][0] + self.shapes[other][0]
            return self.add("concat", [part, other, part], (size,))
        parts = [self.rng.choice([*range(1, 1 + len(self.states)), *updates, self.some(), self.some()])]
        while self.rng.random() < 0.4 and len(parts) < 3:
            parts.append(self.rng.choice([*range(1, 1 + len(self.states)), *updates, self.some()]))
        parts = [self.some() if self.index[part] else part for part in parts]
        if len(parts) == 1 and len(self.shapes[parts[0]]) == 1:
            return parts[0]
        flat = [self.flat(part) for part in parts]
        return (
            flat[0]
            if len(flat) == 1
            else self.add("concat", list(flat), (sum(self.shapes[p][0] for p in flat),))
        )


def recipe(seed: int, inputs: int | None = None) -> Recipe:
    """The recipe of a seed; its input has `inputs` features, or a random number of them."""
    return Generator(seed, inputs).write()
