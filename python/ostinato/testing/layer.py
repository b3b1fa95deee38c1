"""Checks of layers: gradients, rows of any length, bits, sharing, copies and files."""

from __future__ import annotations

import copy
import pickle
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ostinato.io import load_network
from ostinato.layers.dense import Dense
from ostinato.layers.functional import Graph
from ostinato.layers.functions import Input
from ostinato.network.network import Network
from ostinato.network.symbol import Symbol
from ostinato.sequences.axis import ROW, TIME
from ostinato.specs import Spec
from ostinato.testing import subject
from ostinato.testing.arrays import Array, Arrays, copies, near, refused, same
from ostinato.testing.networks.model import with_threads
from ostinato.testing.problem import learned
from ostinato.testing.runner import Failed, Kind, Level, at, check
from ostinato.testing.slopes import Kink, compare, smooth_slopes

# The number of redraws if one-sided differences show a corner; see networks/backwards.py.
DRAWS = 8

# The width that a layer without one of its own is checked with.
WIDTH = 3


class LayerSubject(subject.Made):
    """A layer of any inputs, with one output."""

    base = Network  # type: ignore[assignment]

    def __init__(self, spec: Spec, options: Mapping[str, Any], level: Level) -> None:
        self.spec, self.options, self.level = spec, options, level
        self.layer()

    def layer(self, dtype: str = "float64", **more: Any) -> Any:
        """A new layer of this dtype. Raises Failed for one that has another."""
        made = self.make()
        if made.any_width:
            return made
        try:
            made = self.spec.factory(**{**self.options, "dtype": dtype, **more})
        except TypeError as error:
            raise Failed(f"the factory does not take dtype={dtype!r}: {error}") from error
        if made.dtype.name != dtype:
            raise Failed(f"made with dtype={dtype!r} its dtype is {made.dtype}")
        return made

    def network(self, dtype: str = "float64") -> Network:
        """The layer as a network that runs."""
        layer = self.layer(dtype)
        if not layer.any_width:
            return layer  # type: ignore[no-any-return]
        return Graph(layer(Dense(WIDTH, WIDTH, dtype=dtype)(Input("x", size=WIDTH))))

    def problem(
        self, rows: int, steps: int, dtype: str = "float64", *, ragged: bool = False, draw: int = 0
    ) -> LayerProblem:
        """Random inputs and parameters."""
        return LayerProblem.random(self.network(dtype), rows, steps, ragged=ragged, draw=draw)

    def meaning(self, made: Any) -> str:
        """The programs and the initial values."""
        texts = [program.to_json() for program in made.programs.values() if not program.calls]
        return "\n".join([repr(made), *texts, made.arena.tobytes().hex()])


@dataclass(frozen=True, eq=False)
class LayerProblem:
    """A network, values for its inputs, lengths, and the derivative that its output gets."""

    net: Network
    inputs: Arrays
    lengths: dict[str, Array]
    """By axis; none where all rows are as long as the arrays."""
    d_output: Array
    training: bool = True

    @classmethod
    def random(
        cls, net: Network, rows: int, steps: int, *, ragged: bool = False, draw: int = 0
    ) -> LayerProblem:
        """Standard normal numbers; parameters divided by the square root of their width."""
        rng = np.random.default_rng([11, draw])
        for view in net.parameters().values():
            view[...] = rng.standard_normal(view.shape) / np.sqrt(max(view.shape[-1:], default=1))
        inputs: Arrays = {}
        for name, port in net._ports.inputs.items():
            shape = (rows, *_steps(port.axis, steps))
            if port.limit is not None:
                inputs[name] = rng.integers(0, port.limit, shape)
            else:
                inputs[name] = rng.standard_normal((*shape, port.width)).astype(net.dtype)
        lengths: dict[str, Array] = {}
        for number, axis in enumerate(net._ports.axes if ragged else []):
            own = rng.integers(0, 1 + sum(_steps(axis, steps)), rows)
            # An axis after the first one has its empty and its full row elsewhere.
            own[number], own[-1 - number] = 0, sum(_steps(axis, steps))
            lengths[axis] = own
        output = net._ports.output
        shape = (rows, *_steps(output.axis, steps))
        d_output = rng.standard_normal((*shape, output.width)).astype(net.dtype)
        return cls(net, inputs, lengths, d_output)

    def run(self) -> Any:
        """The forward pass."""
        x: Any = self.inputs if len(self.inputs) > 1 else next(iter(self.inputs.values()))
        seed = 5 if self.training else None
        return self.net.run(x, lengths=self.given_lengths, training=self.training, seed=seed)

    @property
    def given_lengths(self) -> Any:
        """What `lengths` of a run is: None, one array, or a dict of several axes."""
        several = len(self.lengths) > 1
        return self.lengths if several else next(iter(self.lengths.values()), None)

    def results(self) -> Arrays:
        """The output and the final states; in training all gradients too, by name."""
        run = self.run()
        found = {"outputs": run.outputs}
        found |= {f"final_state.{name}": value for name, value in run.final_state.items()}
        if self.training:
            grads = run.backward(self.d_output, None, None if run.penalty is None else 1.0)
            inputs = grads.inputs if len(self.inputs) > 1 else {next(iter(self.inputs)): grads.inputs}
            found |= {f"inputs.{name}": value for name, value in inputs.items() if value is not None}
            found |= {f"params.{name}": value for name, value in grads.params.items()}
        return found

    def scalar(self) -> float:
        """The number whose derivatives `results` holds."""
        run = self.run()
        return float((self.d_output * run.outputs).sum()) + (run.penalty or 0.0)

    def given(self) -> Arrays:
        """What the number depends on; writing to these arrays changes it."""
        floats = {f"inputs.{name}": one for name, one in self.inputs.items() if one.dtype.kind == "f"}
        return {**floats, **{f"params.{name}": view for name, view in learned(self.net).items()}}

    def rows(self, chosen: Any) -> LayerProblem:
        """The same with some rows of the batch."""
        return replace(
            self,
            inputs={name: value[chosen] for name, value in self.inputs.items()},
            lengths={axis: one[chosen] for axis, one in self.lengths.items()},
            d_output=self.d_output[chosen],
        )


@check("shapes")
def shapes(one: LayerSubject) -> None:
    """Batches of 0 to 7 rows and 0 to 5 steps give outputs of the declared shape and dtype, all finite."""
    for dtype in ("float32", "float64"):
        for rows in (0, 1, 2, 7):
            for steps in (0, 1, 5):
                problem = one.problem(rows, steps, dtype, ragged=rows > 1)
                for name, value in problem.results().items():
                    where = f"{name} of {rows} rows and {steps} steps"
                    if name == "outputs" and value.shape != problem.d_output.shape:
                        raise Failed(f"{where} is {value.shape}; expected {problem.d_output.shape}")
                    if value.dtype != dtype or not np.isfinite(value).all():
                        raise Failed(f"{where} is {value.dtype} or not finite; expected finite {dtype}")


@check("initial_values")
def initial_values(one: LayerSubject) -> None:
    """Initial parameters are finite and depend only on the seed."""
    first = one.layer()
    np.random.random()  # A layer that draws from the global generator is detected.
    same(first.state_dict(), one.layer().state_dict(), "made again with the same seed, {} differs")
    bad = [name for name, view in first.parameters().items() if not np.isfinite(view).all()]
    if bad:
        raise Failed(f"{', '.join(bad)} does not start finite")


@check("gradients")
def gradients(one: LayerSubject) -> None:
    """In float64 the gradients of inputs and parameters equal the numeric ones, for T = 1 and 4."""
    for steps, ragged in ((1, False), (4, False), (4, True)):
        reason = ""
        for draw in range(DRAWS):
            problem = one.problem(3, steps, ragged=ragged, draw=draw)
            try:
                numeric = smooth_slopes(problem.scalar, problem.given())
            except Kink as kink:
                reason = str(kink)
                continue
            analytic = problem.results()
            given = [(name, analytic[name], slopes) for name, slopes in numeric.items()]
            compare(given, f"T={steps}" + (", ragged" if ragged else ""))
            break
        else:
            raise Failed(
                f"each of {DRAWS} draws lies on a corner or a jump, where no slope is defined: {reason}"
            )


@check("float32")
def single(one: LayerSubject) -> None:
    """The results in float32 are those in float64, rounded."""
    for training in (False, True):
        double = replace(one.problem(3, 4, ragged=True), training=training).results()
        results = replace(one.problem(3, 4, "float32", ragged=True), training=training).results()
        # Some ten steps of numbers around 1 lose three of float32's seven digits at most.
        near(double, results, 1e-3, "{} in float64 and float32")


@check("padding", lambda one: None if one.network()._ports.axes else "no input is a sequence")
def padding(one: LayerSubject) -> None:
    """NaN beyond the length of a row changes nothing, and outputs there are 0."""
    problem = one.problem(4, 5, ragged=True)
    outside = {axis: np.arange(sum(_steps(axis, 5))) >= own[:, None] for axis, own in problem.lengths.items()}
    poisoned = copies(problem.inputs)
    for name, port in problem.net._ports.inputs.items():
        if port.axis in outside:
            poisoned[name][outside[port.axis]] = np.nan if port.limit is None else port.limit + 7
    clean = problem.results()
    same(clean, replace(problem, inputs=poisoned).results(), "with NaN in the padding {} differs")
    axis = problem.net._ports.output.axis
    if axis in outside and clean["outputs"][outside[axis]].any():
        raise Failed("an output beyond the length of its row is not 0")


@check("company")
def company(one: LayerSubject) -> None:
    """A row is bit-identical alone and in any batch."""
    problem = one.problem(at(one.level, 5, 19, 40), 6, ragged=True)
    rows = len(problem.d_output)
    still = replace(problem, training=False)
    whole = still.run().outputs
    for row in range(rows):
        same(
            {"output": whole[row : row + 1]}, {"output": still.rows([row]).run().outputs}, "alone, {} differs"
        )
    # Noise is drawn by the place of a row, so the rows of training keep theirs.
    results, first = problem.results(), problem.rows(slice(rows // 2)).results()
    for name, value in first.items():
        if name == "outputs" or name.startswith("inputs."):
            same({name: results[name][: rows // 2]}, {name: value}, "with more rows after it, {} differs")


@check("threads")
def engine_threads(one: LayerSubject) -> None:
    """Any number of threads gives bit-identical results."""
    for dtype in ("float32", "float64"):
        problem = one.problem(61, at(one.level, 6, 12, 24), dtype, ragged=True)
        alone = with_threads(1, problem.results)
        for count in (2, 3):
            found = with_threads(count, problem.results)
            same(alone, found, f"{dtype}, {count} threads: {{}} differs")


@check("in_a_graph", lambda one: "it runs in a graph only" if one.layer().any_width else None)
def in_a_graph(one: LayerSubject) -> None:
    """In a Graph, results are bit-identical to those alone; two calls use the same parameters."""
    problem = one.problem(4, 5, ragged=True)
    names = _renamed(problem.results())
    graph = Graph(_called(one.layer(), problem.net))
    graph.arena[...] = problem.net.arena
    same(names, replace(problem, net=graph).results(), "in a Graph {} differs")
    layer = one.layer()
    twice = Graph({"a": _called(layer, problem.net), "b": _called(layer, problem.net, "b.")})
    if twice.arena.size != problem.net.arena.size:
        raise Failed("called twice in a Graph, it has two sets of parameters")
    twice.arena[...] = problem.net.arena
    inputs = {f"{part}{name}": value for part in ("", "b.") for name, value in problem.inputs.items()}
    run = twice.run(inputs, lengths=problem.given_lengths, training=True, seed=5)
    if not np.array_equal(run.outputs["a"], run.outputs["b"]):
        return  # noise differs between the calls
    grads = run.backward(
        {"a": problem.d_output, "b": problem.d_output}, None, None if run.penalty is None else 2.0
    )
    sums = {name: 2 * value for name, value in names.items() if name.startswith("params.")}
    found = {f"params.{name}": value for name, value in grads.params.items()}
    near(sums, found, 1e-12, "called twice, the gradient of {} is not the sum of both")


@check("copies")
def copied(one: LayerSubject) -> None:
    """A copy, a deep copy and an unpickled one give bit-identical results, with their own parameters."""
    problem = one.problem(3, 4, ragged=True)
    clean = problem.results()
    makers: dict[str, Callable[[Network], Network]] = {
        "a copy": copy.copy,
        "a deep copy": copy.deepcopy,
        "unpickled": lambda net: pickle.loads(pickle.dumps(net)),
    }
    if not _importable(type(one.make())):  # pickle finds a class by its name
        del makers["unpickled"]
    for name, make in makers.items():
        other = make(problem.net)
        same(clean, replace(problem, net=other).results(), f"{name}: {{}} differs")
        if other.arena.size and np.shares_memory(other.arena, problem.net.arena):
            raise Failed(f"{name} has the parameters of the original")


@check("save_load")
def save_load(one: LayerSubject) -> None:
    """Loaded from a file without its class, it gives bit-identical results and prints the same."""
    for dtype in ("float32", "float64"):
        problem = one.problem(3, 5, dtype, ragged=True)
        clean = problem.results()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            problem.net.save(path)
            loaded = load_network(path)
        if not type(loaded).__module__.startswith("ostinato."):
            raise Failed(
                f"the file needs the class {type(loaded).__module__}.{type(loaded).__name__}; derive it from "
                "ostinato.Layer, and do not give it a `kind`"
            )
        same(clean, replace(problem, net=loaded).results(), f"{dtype}, loaded: {{}} differs")
        if repr(loaded) != repr(problem.net):
            raise Failed(f"the loaded network is {loaded!r}; expected {problem.net!r}")


@check("bad_input")
def bad_input(one: LayerSubject) -> None:
    """Inputs of a wrong shape or type are typed errors, and change nothing."""
    problem = one.problem(3, 4)
    clean = problem.results()
    for name, value in problem.inputs.items():
        wrong = {"a rank too many": value[None]}
        if value.dtype.kind == "f":
            wrong["a feature too many"] = np.zeros((*value.shape[:-1], value.shape[-1] + 1))
            wrong["complex numbers"] = value.astype(complex)
        else:
            wrong["ids that are negative"] = value - 1000
        for what, other in wrong.items():
            refused(f"{name} with {what}", replace(problem, inputs={**problem.inputs, name: other}).run)
    same(clean, problem.results(), "after refused calls {} differs")


def _steps(axis: str, steps: int) -> tuple[int, ...]:
    """The steps of an axis, as a part of a shape: other sequences than "time" have two more, if any."""
    if axis == ROW:
        return ()
    return (steps if axis == TIME or not steps else steps + 2,)


def _called(layer: Any, net: Network, part: str = "") -> Symbol:
    """The symbol of a layer called with inputs as `net` has them."""
    values = [
        Input(part + name, ids=port.limit, axis=port.axis)
        if port.limit is not None
        else Input(part + name, size=port.width, axis=port.axis)
        for name, port in net._ports.inputs.items()
    ]
    called: Symbol = layer(*values)
    return called


def _importable(made: type) -> bool:
    """Whether the class is what its module calls by its name: not one of a test or of a page."""
    found: Any = sys.modules.get(made.__module__)
    for part in made.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is made


def _renamed(results: Arrays) -> Arrays:
    """Results by the names that a Graph gives the parameters and states of its first layer."""
    found: Arrays = {}
    for name, value in results.items():
        kind, dot, rest = name.partition(".")
        found[f"{kind}.0.{rest}" if kind in ("params", "final_state") else f"{kind}{dot}{rest}"] = value
    return found


LAYER: Kind[LayerSubject] = Kind(
    "layer",
    (
        *subject.CHECKS,
        shapes,
        initial_values,
        gradients,
        single,
        padding,
        company,
        engine_threads,
        in_a_graph,
        copied,
        save_load,
        bad_input,
    ),
    LayerSubject,
)
