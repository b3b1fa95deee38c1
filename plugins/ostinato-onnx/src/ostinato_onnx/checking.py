"""`check`: runs an ONNX file with ONNX Runtime, in a process of its own, and compares it with the network."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper

import ostinato as ost
from ostinato import ConfigError, DTypeError, FormatError, ShapeError
from ostinato_onnx.loading import load, read
from ostinato_onnx.running import Array, Calls, RuntimeFailedError, run_apart

STEPS: Final = (1, 2, 37)
ROWS: Final = (1, 5)
# Sums in another order differ by some units in the last place of float32 or float64, and a state carries the
# difference on; a wrong gate or mask differs by far more.
TOLERANCE: Final = {"float32": 2e-5, "float64": 1e-10}
# Some networks move an output by more than the tolerance if every number is rounded once more. Two programs
# that round in different places may each be off by such a movement; a wrong gate or mask is off by far more
# than the limit, a multiple of the tolerance.
_MOVEMENTS: Final = 2.0
_LIMIT: Final = 50.0
_DRAWS: Final = 3


@dataclass(frozen=True)
class Checked:
    """What `check` found: the number of calls and the largest difference of each output.

    moved: outputs that differ by more than `tolerance`, because the network amplifies roundings, and how far
    one rounding of every parameter and input moves them.
    """

    calls: int
    differences: Mapping[str, float]
    tolerance: float
    moved: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"  {name:24} {value:.1e}" for name, value in self.differences.items()]
        lines += [f"  a rounding moves {name} by {value:.1e}" for name, value in self.moved.items()]
        title = f"equal in ONNX Runtime in {self.calls} calls (tolerance {self.tolerance:.0e}):"
        return "\n".join([title, *lines])


class DifferenceError(FormatError):
    """An ONNX file computes something else than its network."""


def check(net: ost.Network, path: str | os.PathLike[str]) -> Checked:
    """Compare an ONNX file of `net` with `net`, on random inputs, in ONNX Runtime.

    The calls have 1, 2 and 37 steps, 1 and 5 rows, lengths with 0 and all steps, and random states, as far as
    the file has them as inputs. Each is made twice: with the parameters of `net`, and with random ones in
    both, because a wrong order of gates does not show in parameters that are alike. Differences are relative
    to the largest number of an output, or to 1 if that is larger. The tolerance is 2e-5 for float32 and 1e-10
    for float64. Where one rounding of every parameter and input moves an output of `net` by more than half of
    that, it is twice the movement, and at most 1e-3 or 5e-9.

    Raises DifferenceError if an output differs or ONNX Runtime fails, ShapeError if the file has other inputs
    or outputs, ConfigError without the package onnxruntime, FormatError for something else than an ONNX file.
    """
    if not isinstance(net, ost.Network):
        raise DTypeError(f"check: net is a {type(net).__name__}; expected a Network")
    if find_spec("onnxruntime") is None:
        raise ConfigError("check needs onnxruntime: pip install 'ostinato-onnx[check]'")
    return verify(net, path, run_apart)


def verify(
    net: ost.Network,
    path: str | os.PathLike[str],
    run: Callable[[Sequence[str], Sequence[Calls]], Sequence[Calls]],
) -> Checked:
    """As `check`; `run` returns the outputs of the calls of each file."""
    model = read(path)
    other = load(path)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder, "random.onnx"))
        onnx.save(randomized(other, model), file)
        calls = [list(random_calls(one, model)) for one in (net, other)]
        try:
            own, random = run([os.fspath(path), file], calls)
        except RuntimeFailedError as error:
            raise DifferenceError(f"ONNX Runtime does not run {os.fspath(path)}: {error}") from error
    made = compare(net, calls[0], own, "with the network's parameters")
    more = compare(other, calls[1], random, "with random parameters")
    return Checked(
        made.calls + more.calls,
        _largest(made.differences, more.differences),
        TOLERANCE[net.dtype.name],
        _largest(made.moved, more.moved),
    )


def _largest(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: max(one.get(name, 0.0), other.get(name, 0.0)) for name in {**one, **other}}


def randomized(net: ost.Network, model: onnx.ModelProto) -> onnx.ModelProto:
    """The file with random parameters, which the network gets too."""
    randomize(net)
    own = net.state_dict()
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for one in made.graph.initializer:
        if not one.name.startswith("/"):
            one.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(own[one.name]), one.name))
    return made


def randomize(net: ost.Network) -> None:
    """Random parameters, which differ from each other: a wrong order of gates shows in all of them."""
    rng = np.random.default_rng(0)
    for values in net.parameters().values():
        fan = values.shape[-1] if values.ndim > 1 else 4
        values[...] = rng.normal(size=values.shape) / np.sqrt(fan)


def compare(net: ost.Network, calls: Calls, found: Calls, which: str) -> Checked:
    """The largest difference of each output; raises DifferenceError for one that is too large."""
    worst: dict[str, float] = {}
    moved: dict[str, float] = {}
    tolerance = TOLERANCE[net.dtype.name]
    for call, outputs in zip(calls, found, strict=True):
        expected = _expected(net, call)
        for name, array in expected.items():
            if name not in outputs:
                raise ShapeError(f"the file has no output {name!r}; it has {list(outputs)}")
            if outputs[name].shape != array.shape:
                raise ShapeError(
                    f"output {name!r} of the file is {outputs[name].shape}; expected {array.shape} for "
                    f"inputs {_shapes(call)}"
                )
            gap = difference(outputs[name], array)
            allowed = tolerance
            if not gap <= allowed and np.isfinite(gap):
                moved[name] = max(moved.get(name, 0.0), movement(net, call, name, array))
                allowed = min(max(allowed, _MOVEMENTS * moved[name]), _LIMIT * allowed)
            if not gap <= allowed:
                lengths = {key: list(map(int, call[key])) for key in call if key.startswith("lengths")}
                raise DifferenceError(
                    f"output {name!r} of the file differs by {gap:.1e} from the network's, tolerance "
                    f"{allowed:.0e}, {which}, for inputs {_shapes(call)}"
                    f"{f', lengths {lengths}' if lengths else ''}"
                )
            worst[name] = max(worst.get(name, 0.0), gap)
    return Checked(len(calls), worst, tolerance, moved)


def movement(net: ost.Network, call: Mapping[str, Array], name: str, expected: Array) -> float:
    """How far one rounding of every parameter and input moves an output: the largest of some draws."""
    rng = np.random.default_rng(2)

    def rounded(values: Array) -> Array:
        if values.dtype != net.dtype:
            return values
        signs = rng.choice(np.array([-1.0, 1.0], values.dtype), values.shape)
        made: Array = values + signs * np.spacing(values)
        return made

    largest = 0.0
    for _ in range(_DRAWS):
        other = deepcopy(net)
        other.arena[...] = rounded(net.arena)
        moved = _expected(other, {key: rounded(values) for key, values in call.items()})
        largest = max(largest, difference(moved[name], expected))
    return largest


def difference(found: Array, expected: Array) -> float:
    """The largest difference, relative to the largest finite number that is expected, or to 1."""
    finite = np.isfinite(found) & np.isfinite(expected)
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    gap = np.where(finite | same, 0.0, np.inf)
    gap[finite] = np.abs(found[finite].astype("float64") - expected[finite])
    usual = np.abs(expected[np.isfinite(expected)])
    return float(np.max(gap, initial=0.0)) / max(1.0, float(np.max(usual, initial=0.0)))


def _shapes(call: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in call.items()}


def random_calls(net: ost.Network, model: onnx.ModelProto) -> Iterator[dict[str, Array]]:
    """Inputs of the calls, by the names of the file."""
    rng = np.random.default_rng(1)
    shapes = [one.name for one in model.graph.input]
    outputs = [one.name for one in model.graph.output]
    missing = [name for name in net.inputs if name not in shapes]
    if missing:
        raise ShapeError(f"the file has the inputs {shapes}; the network has an input {missing[0]!r}")
    for steps in STEPS:
        for rows in ROWS:
            sizes = {port.axis: steps + k for k, port in enumerate(net.inputs.values())}
            call: dict[str, Array] = {}
            for name in shapes:
                port = net.inputs.get(name)
                if port is not None:
                    lead = (rows,) if port.axis == "row" else (rows, sizes[port.axis])
                    if port.ids is not None:
                        call[name] = rng.integers(0, port.ids, lead)
                    else:
                        call[name] = rng.normal(size=(*lead, port.size or 0)).astype(net.dtype)
                elif name.startswith("lengths"):
                    most = sizes[_axis(net, name)]
                    call[name] = rng.integers(0, most + 1, rows)
                    call[name][[0, -1]] = (most, 0) if rows > 1 else most
            if any(name.endswith(".next") for name in outputs):
                # the states after some steps: numbers that a state cannot have are of no use, and may be
                # ill-conditioned
                final = _run(net, call, None).final_state
                call |= {name: final[name] for name in shapes if name not in call}
            yield call


def _axis(net: ost.Network, name: str) -> str:
    """The axis of the lengths `name`."""
    axes = [port.axis for port in net.inputs.values() if port.axis != "row"]
    return name.partition(".")[2] or axes[0]


def _expected(net: ost.Network, call: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of the network, by the names of the file."""
    inputs = net.inputs
    state = {name: call[name] for name in call if name not in inputs and not name.startswith("lengths")}
    run = _run(net, call, state or None)
    outputs = run.outputs if isinstance(run.outputs, dict) else dict.fromkeys(net.outputs, run.outputs)
    taken = {*net.state_dict(), *call}
    named = {f"{name}.output" if name in taken else name: array for name, array in outputs.items()}
    if state:
        named |= {f"{name}.next": array for name, array in run.final_state.items()}
    return named


def _run(net: ost.Network, call: Mapping[str, Array], state: Mapping[str, Array] | None) -> Any:
    """A call of the network with the inputs of the file."""
    lengths = {_axis(net, name): array for name, array in call.items() if name.startswith("lengths")}
    axes = {port.axis for port in net.inputs.values() if port.axis != "row"}
    one: Any = (lengths if len(axes) > 1 else next(iter(lengths.values()))) if lengths else None
    inputs = {name: call[name] for name in net.inputs}
    given: Any = inputs if len(inputs) > 1 else next(iter(inputs.values()))
    return net.run(given, state=state, lengths=one)
