"""Tracing: run a step once on symbolic values and get its program, or an error that names the cause."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from ostinato import _core, checks
from ostinato.cell import Cell, Memory, Param, State, checked_mapping, declared, takes_noise
from ostinato.dims import Dim, describe, named
from ostinato.errors import ConfigError, OstinatoError, ShapeError, TraceError, described, shown
from ostinato.namespace import Names
from ostinato.ops.table import Value
from ostinato.regularizer import Regularizer
from ostinato.suggest import did_you_mean
from ostinato.trace.called import CalledStep, has_vjp
from ostinato.trace.noise import Noise
from ostinato.trace.penalties import trace_penalty
from ostinato.trace.recorder import Recorder
from ostinato.trace.rewrites import Rewrites
from ostinato.trace.value import Traced
from ostinato.trace.where import author_line

Shape = Sequence[int] | Literal["index"]
"""The feature shape of an input, or "index" for ids."""


MOST_NUMBERS: Final = 64
"""Of a metric's step: each is a pass of its own over the outputs."""


class StepLoss(Protocol):
    """The requirements of `trace_loss` on a loss."""

    @property
    def name(self) -> str:
        """The name of the program."""

    @property
    def target(self) -> str:
        """Kind of target: "index" for ids, "output" for numbers."""

    def target_size(self, width: int) -> int:
        """The numbers of a target of the kind "output"."""

    @property
    def step(self) -> Callable[..., Any]:
        """The loss of one time step: `step(y, target)`, or `step(y, target, state)` with next states."""


@dataclass(frozen=True)
class TracedCell:
    """A cell's program, with the information from which a layer makes its parameters and states.

    `params` and `states` are in the order of `program.params` and `program.states`. `inference` is the
    program for calls without training, if regularizers make it a different one. `function` is the function
    that the program calls if the step could not be traced. `penalty` is the program of the penalty on
    parameters; if the steps have a penalty, `program` has a second output.
    """

    program: _core.Program
    params: dict[str, Param]
    states: dict[str, tuple[int, ...]]
    output_size: int
    options: dict[str, Any]
    inference: _core.Program | None = None
    function: CalledStep | None = None
    penalty: _core.Program | None = None


def trace_step(
    name: str,
    fn: Callable[..., Any],
    inputs: Mapping[str, Shape],
    params: Mapping[str, Param],
    states: Mapping[str, State],
    sizes: Mapping[str, int],
) -> _core.Program:
    """Trace `fn(*inputs, state, p)`, which returns `output, {state: new value}`, to a program.

    The output is a number, a vector or a matrix; its name in the program is "output". `sizes` are the names
    for shapes in messages: the core rejects a Dim with another name. `name` is the program's name; in quotes,
    it names the step in messages.

    Raises TraceError for anything that cannot be recorded, a wrong return value, an unused parameter;
    ShapeError for shapes that do not fit, with the author's line.
    """
    return _trace(name, f"step {name!r}", fn, inputs, params, states, sizes, Rewrites())[0]


def trace_cell(
    cell: Cell, input_size: int, hidden_size: int, regularizers: Sequence[Regularizer] = ()
) -> TracedCell:
    """Trace a cell for the given sizes, with the equations of `regularizers` inlined in the order given.

    Raises ShapeError, TraceError or ConfigError with the cell's name, the name at fault, what was expected
    and the line of the equation.
    """
    given: object = cell
    if not isinstance(given, Cell):
        hint = "make an instance: MyCell()" if isinstance(given, type) else "derive it from ostinato.Cell"
        raise ConfigError(f"trace_cell got {shown(cell)}; expected a cell: {hint}")
    owner = f"{cell._noun} {cell.name!r}"
    made = declared(cell, input_size, hidden_size)
    inputs = {"x": (made.sizes["input"],)}

    step: Callable[..., Any] = cell.step
    function: CalledStep | None = None

    noisy = takes_noise(cell)

    def trace(rewrites: Rewrites) -> tuple[_core.Program, tuple[Dim, ...]]:
        return _trace(
            cell.name,
            owner,
            step,
            inputs,
            made.params,
            made.states,
            made.sizes,
            rewrites,
            made.memories,
            noisy,
            getattr(cell, "_holds", False),
        )

    plain = Rewrites()
    if noisy and has_vjp(cell):
        raise ConfigError(
            f"{owner}: a step with a vjp runs in Python and draws no noise; write it as equations"
        )
    if made.memories and has_vjp(cell):
        raise ConfigError(
            f"{owner}: a step with a vjp runs in Python and has no memories; write it as equations, "
            "without vjp"
        )
    if cell.batched and not has_vjp(cell):
        raise ConfigError(
            f"{owner}: batched is True, which is for cells with a vjp; an equation is for one row"
        )
    try:
        if cell.batched:
            raise TraceError(f"{owner}: batched is True, and a step of many rows is not traced")
        program, output_shape = trace(plain)
    except Exception as error:
        if not has_vjp(cell):
            raise
        function = CalledStep(cell, made, _why(owner, error))
        step, plain = function.traced, Rewrites()
        program, output_shape = trace(plain)
    if len(output_shape) != 1:
        raise ShapeError(
            f"{owner}: step returns an output of shape {describe(output_shape)}; expected a vector (n,)"
        )
    inference = penalty = None
    if regularizers or noisy:
        program, _ = trace(Rewrites(regularizers, True, plain.groups))
        inference, _ = trace(Rewrites(regularizers, False, plain.groups))
        penalty = trace_penalty(owner, regularizers, made, plain.groups)
    return TracedCell(
        program,
        {
            key: Param(tuple(int(size) for size in one.shape), one.init, one.learned)
            for key, one in made.params.items()
        },
        {key: tuple(int(size) for size in one.shape) for key, one in made.states.items() if one.on is None},
        int(output_shape[0]),
        cell.options,
        None if inference == program else inference,
        function,
        penalty,
    )


def trace_loss(
    loss: StepLoss,
    y_size: int,
    target: Shape | None = None,
    name: str | None = None,
    *,
    training: bool = False,
) -> _core.Program:
    """Trace a loss of outputs (y_size,): a program with inputs "y" and "target" and one number as output.

    `target` is the target's feature shape, or "index" for ids; by default as the loss declares: ids, labels,
    or the shape of the output. `name` is the name of the program (default: the loss's). `training`: whether
    its noise is drawn. Raises ShapeError if the loss is not one number.
    """
    program, shape = _trace_loss(loss, y_size, target, name, training=training)
    if shape:
        raise ShapeError(
            f"{_owner(loss)}: step returns shape {describe(shape)}; expected one number: use ops.sum or "
            "ops.mean"
        )
    return program


def trace_metric(
    metric: StepLoss, y_size: int, name: str | None = None
) -> tuple[tuple[_core.Program, ...], bool]:
    """Trace a metric of outputs (y_size,): a program for each number of its step.

    Also returns whether the step returns a vector. Raises ShapeError if it returns neither a number nor a
    vector of at most MOST_NUMBERS.
    """
    program, shape = _trace_loss(metric, y_size, None, name)
    if not shape:
        return (program,), False
    if len(shape) > 1 or int(shape[0]) > MOST_NUMBERS:
        raise ShapeError(
            f"{_owner(metric)}: step returns shape {describe(shape)}; expected one number, or a vector of at "
            f"most {MOST_NUMBERS}; `row` counts more of them, in NumPy"
        )

    return tuple(_trace_loss(metric, y_size, None, name, place)[0] for place in range(int(shape[0]))), True


def _owner(loss: StepLoss) -> str:
    # A metric is traced like a loss; errors call it a metric.
    return f"{getattr(loss, 'kind', 'loss')} {loss.name!r}"


def _trace_loss(
    loss: StepLoss,
    y_size: int,
    target: Shape | None,
    name: str | None,
    place: int | None = None,
    training: bool = False,
) -> tuple[_core.Program, tuple[Dim, ...]]:
    """The program of a step, or of the number at one place of a vector, and the shape of the result."""
    owner = _owner(loss)
    sizes = _loss_sizes(loss, y_size)
    if target is None:
        kinds: dict[str, Shape] = {"index": "index", "labels": (sizes.get("labels", sizes["output"]),)}
        target = kinds.get(loss.target) or (target_dim(loss, owner, sizes["output"]),)
    states, params = loss_states(loss, owner, sizes), _loss_parameters(loss, owner, sizes)

    def step(y: Value, target: Value, state: Names[Value], p: Names[Value], **drawn: Noise) -> Any:
        if place is not None:
            return loss.step(y, target)[place], {}
        more = (p,) if params else ()
        if states:
            return loss.step(y, target, state, *more, **drawn)
        return loss.step(y, target, *more, **drawn), {}

    inputs: dict[str, Shape] = {"y": (sizes["output"],), "target": target}

    def trace(rewrites: Rewrites) -> tuple[_core.Program, tuple[Dim, ...]]:
        called = name or loss.name
        return _trace(called, owner, step, inputs, params, states, sizes, rewrites, noisy=noisy)

    noisy, plain = takes_noise(loss), Rewrites()
    if noisy and owner.startswith("metric"):
        raise ConfigError(
            f"{owner}: step has an argument 'noise'; a metric draws none, so that it can be compared"
        )
    made = trace(plain)
    return trace(Rewrites((), training, plain.groups)) if noisy else made


def loss_parameters(loss: StepLoss, y_size: int) -> dict[str, Param]:
    """The parameters that a loss of outputs (y_size,) declares, by name.

    Raises ConfigError for anything but parameters.
    """
    return _loss_parameters(loss, _owner(loss), _loss_sizes(loss, y_size))


def _loss_parameters(loss: StepLoss, owner: str, sizes: Mapping[str, Dim]) -> dict[str, Param]:
    declare = getattr(loss, "parameters", None)
    if declare is None:  # a metric
        return {}
    return checked_mapping(owner, "parameters", declare(Names(owner, "size", sizes)), Param)


def _loss_sizes(loss: StepLoss, y_size: int) -> dict[str, Dim]:
    labels = getattr(loss, "labels", 0)
    return named({"output": y_size, **({"labels": labels} if labels else {})})


def target_dim(loss: StepLoss, owner: str, width: Dim) -> int:
    """How many numbers a target has for outputs of `width` features.

    Raises ConfigError if the loss, or metric, returns anything but a size.
    """
    size = loss.target_size(width)
    checks.count(owner, "target_size(width)", size, at_least=1)
    return size


def loss_states(loss: StepLoss, owner: str, sizes: Mapping[str, Dim]) -> dict[str, State]:
    """The states that a loss declares for these sizes; none for a metric.

    Raises ConfigError for anything but states.
    """
    declare = getattr(loss, "state", None)
    if declare is None:
        return {}
    states: dict[str, State] = checked_mapping(owner, "state", declare(Names(owner, "size", sizes)), State)
    for name, one in states.items():
        if one.on is not None:
            raise ConfigError(f"{owner}: state {shown(name)} is on {shown(one.on)}; a loss has no memories")
    return states


def _trace(
    name: str,
    owner: str,
    fn: Callable[..., Any],
    inputs: Mapping[str, Shape],
    params: Mapping[str, Param],
    states: Mapping[str, State],
    sizes: Mapping[str, int],
    rewrites: Rewrites,
    memories: Mapping[str, Memory] | None = None,
    noisy: bool = False,
    holds: bool = False,
) -> tuple[_core.Program, tuple[Dim, ...]]:
    """`holds`: whether parameters may be unused, because a loss uses them."""
    memories = memories or {}
    _check_names(owner, inputs, params, states, memories)
    recorder = Recorder(name, sizes)
    values: list[Traced] = []
    for key, shape in inputs.items():
        if shape == "index":
            values.append(Traced(recorder, recorder.declare_index(key), (), is_index=True))
        else:
            values.append(
                Traced(recorder, *recorder.declare("input", key, [int_or_dim(one) for one in shape]))
            )
    held = {
        key: Traced(recorder, *recorder.declare("state", key, one.shape))
        for key, one in states.items()
        if one.on is None
    }
    given = {key: Traced(recorder, *recorder.declare("param", key, one.shape)) for key, one in params.items()}
    entries = {
        key: Traced(recorder, *recorder.declare_memory(key, one.width, axis))
        for axis, (key, one) in enumerate(memories.items())
    }
    for key, state in states.items():
        if state.on is not None:
            axis = list(memories).index(state.on)
            held[key] = Traced(recorder, *recorder.declare_state_on(key, state.shape, axis))
    more = (Names(owner, "memory", entries),) if entries else ()
    try:
        values, seen = rewrites.begin(recorder, values, held, given)
        drawn = {"noise": rewrites.noise} if noisy else {}
        returned = fn(*values, Names(owner, "state", held), Names(owner, "parameter", seen), *more, **drawn)
        output, updates = _checked_return(owner, recorder, returned, held)
        output, updates, penalty = rewrites.end(owner, output, updates, held)
    except OstinatoError as error:
        error.args = (placed(owner, error),)
        raise

    roots = [output.node, *(one.node for one in updates.values())]
    used = recorder.reachable(roots)
    for key, one in given.items():
        if one.node not in used and not holds:
            raise TraceError(
                f"{owner}: parameter {shown(key)} {describe(one.shape)} is never used by step; "
                "use it, or remove it from parameters()"
            )
    for key, one in entries.items():
        if one.node not in used:
            raise TraceError(
                f"{owner}: memory {shown(key)} is never used by step; use it, or remove it from memories()"
            )
    for key, one in updates.items():
        recorder.name_node(one.node, f"new_{key}")
    if recorder.is_unnamed(output.node):
        recorder.name_node(output.node, "output")
    outputs = [("output", output.node)]
    if penalty is not None:
        outputs.append(("penalty", penalty.node))
    program = recorder.finish(outputs, [(key, one.node) for key, one in updates.items()])
    return program, output.shape


def _checked_return(
    owner: str, recorder: Recorder, returned: object, held: Mapping[str, Traced]
) -> tuple[Traced, dict[str, Traced]]:
    want = "{" + ", ".join(f'"{key}": ...' for key in held) + "}"
    if not isinstance(returned, tuple) or len(returned) != 2 or not isinstance(returned[1], Mapping):
        raise TraceError(f"{owner}: step returns {_kind(returned)}; expected `return output, {want}`")
    output, updates = returned
    for key in updates:
        if key not in held:
            hint = did_you_mean(str(key), held, "declared")
            raise TraceError(
                f"{owner}: step returns a state {shown(key)} that state() does not declare; {hint}"
            )
    missing = [key for key in held if key not in updates]
    if missing:
        raise TraceError(
            f"{owner}: step does not return the new state {', '.join(map(repr, missing))}; "
            f"expected `return output, {want}` (return state.{missing[0]} itself to leave it as it was)"
        )
    _check_traced(owner, recorder, "output", output)
    checked = {}
    for key, old in held.items():
        new = updates[key]
        _check_traced(owner, recorder, f"state {key!r}", new, recorder.memory_of(old.node))
        if [int(one) for one in new.shape] != [int(one) for one in old.shape]:
            raise ShapeError(
                f"{owner}: step returns state {shown(key)} with shape {describe(new.shape)}; "
                f"state() declares {describe(old.shape)}"
            )
        checked[key] = new
    return output, checked


def _check_traced(
    owner: str, recorder: Recorder, what: str, value: object, wanted: str | None = None
) -> None:
    if not isinstance(value, Traced):
        raise TraceError(
            f"{owner}: step returns {_kind(value)} as {what}; expected a value computed from its arguments "
            "(ops.broadcast_to(0.0 * x[0], shape) makes constants)"
        )
    recorder.check_same(value.recorder, what)
    memory = recorder.memory_of(value.node)
    if wanted is not None and memory != wanted:
        raise ShapeError(
            f"{owner}: step returns a value of the row as {what}, which state() declares on {shown(wanted)}; "
            "expected a value for each of its entries"
        )
    if memory is not None and memory != wanted:
        raise ShapeError(
            f"{owner}: step returns a value for each entry of memory {shown(memory)} as {what}; expected "
            "one for the row: reduce it with ops.entries.sum, mean or max"
        )
    if value.is_index:
        raise TraceError(f"{owner}: step returns ids as {what}; expected numbers: use ops.one_hot(id, size)")


def _check_names(owner: str, *groups: Mapping[str, object]) -> None:
    seen: set[str] = set()
    for group in groups:
        for key in group:
            if not isinstance(key, str) or not key.isidentifier():
                raise ConfigError(f"{owner}: {shown(key)} is not a name; expected a Python identifier")
            if key in seen:
                raise ConfigError(
                    f"{owner}: the name {shown(key)} is declared twice; inputs, states, parameters and "
                    "memories share names"
                )
            seen.add(key)


def int_or_dim(size: int) -> int:
    """Return a size unchanged if it is an integer of at least 1; otherwise raise ShapeError."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ShapeError(
            f"got a size of {shown(size)}; expected an integer of at least 1 (divide sizes with //)"
        )
    return size


def _why(owner: str, error: Exception) -> str:
    """The reason why a step could not be traced, as one line."""
    text = str(error) if isinstance(error, OstinatoError) else described(error)
    return placed(owner, TraceError(text).with_traceback(error.__traceback__)).replace("\n  ", " ")


def _kind(value: object) -> str:
    if isinstance(value, Traced):
        return f"one value of shape {describe(value.shape)}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return f"{value!r}" if value is None or isinstance(value, int | float) else f"a {type(value).__name__}"


def placed(owner: str, error: OstinatoError) -> str:
    """Prepend the cell's name and the author's line to a message without them."""
    message, place = str(error), author_line(error)
    if place and place not in message:
        message = f"{place}: {message}"
    return message if message.startswith(owner) else f"{owner}: {message}"
