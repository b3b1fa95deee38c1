"""`Network`: what every layer, and every combination of layers, can do."""

from __future__ import annotations

import copy
import os
import threading
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ostinato import _core, checks
from ostinato.aligned import aligned_zeros
from ostinato.attribute_guard import MARK, AttributeGuard, guard
from ostinato.errors import ConfigError, shown
from ostinato.foreign import names
from ostinato.foreign.calls import hinted
from ostinato.frozen_arena import with_frozen
from ostinato.network.arena import Array, draw, views
from ostinato.network.can_decode import CanDecode
from ostinato.network.check import depth
from ostinato.network.checkpoint_plan import CheckpointPlan
from ostinato.network.freezing import CanFreeze, Frozen, fixed_offsets, frozen_ranges
from ostinato.network.graph import Graph, Node, Scope, aligned
from ostinato.network.kinds import register_kind
from ostinato.network.losses import AnyLoss, Losses
from ostinato.network.metadata import HasMetadata, metadata_text
from ostinato.network.objective import Objective
from ostinato.network.parameters import Mismatch, Parameters, load_parameters
from ostinato.network.port import Port
from ostinato.network.ports import INPUT, OUTPUT, Ports
from ostinato.network.predicting import BATCH_SIZE, predict
from ostinato.network.run import Facts, Gradients, Run
from ostinato.network.seeds import Seeds
from ostinato.network.states import from_slots, to_slots
from ostinato.network.stepwise import Stepwise
from ostinato.network.stream import Stream
from ostinato.network.summary import summary
from ostinato.network.symbol import InitialState, Symbol, applied, by_keyword, check_call
from ostinato.network.through_time import ThroughTime, check_through_time, mode_of
from ostinato.network.training_memory import TrainingMemory, steps_by_axis
from ostinato.sequences.batch import Batch

if TYPE_CHECKING:
    from ostinato._core import Budget, Program
    from ostinato.network.description import GraphData
    from ostinato.network.programs import Programs
    from ostinato.network.record import Record
    from ostinato.plugins.entry import Provider


class Network(CanDecode, CanFreeze, HasMetadata, AttributeGuard):
    """A graph of layers over sequences, which one call runs or differentiates.

    Layers (`Recurrent`, `Embedding`, `Dense`) are networks of one layer; `Sequential` and `Bidirectional`
    are networks made of others. All parameters are in one array, `arena`; `parameters()` returns views
    into it.

    A network stores nothing about a run, so several threads may call `run` and `value_and_grad` at the same
    time, if no thread writes parameters meanwhile. All calls share the threads of the engine.

    `copy.copy` and `copy.deepcopy` return a network with its own parameters. Further attributes of a subclass
    are shared by `copy.copy` and copied by `copy.deepcopy`. Existing parameter views keep pointing to the
    original. A network can be pickled, to send it to another process with the same ostinato, cells and
    plugins; for files use `save`.

    Setting a new public attribute, or one that is fixed at construction, raises AttributeError.
    """

    _foreign_names = names.NETWORK
    _fixed: ClassVar[tuple[str, ...]] = (
        *("dtype", "input_size", "batch_first", "takes_ids"),
        *("kind", "examples", "any_width"),
    )
    _instead = "make a new one, and copy the parameters with load_state_dict"

    kind: ClassVar[str]
    """The name of this class in model files."""
    dtype: np.dtype[Any]
    """float32 or float64, of parameters, inputs and results."""
    input_size: int
    """Features per step of x, or the number of ids."""
    batch_first: bool | None
    """Whether x is (N, T, F), else (T, N, F). None in a layer that does not care, which alone means True."""
    takes_ids: bool = False
    """Whether x holds integer ids instead of features."""
    examples: ClassVar[Sequence[Mapping[str, Any]]] = ()
    """Options that the conformance kit makes a layer with; a class that has its own enters the registry."""
    any_width: ClassVar[bool] = False
    """Whether it takes any width, so that it runs only inside another network."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "kind" in vars(cls):
            register_kind(cls.kind, cls)

    def __call__(
        self,
        x: Any,
        *more: Any,
        initial_state: Mapping[str, InitialState] | None = None,
        **arguments: Any,
    ) -> Any:
        """`run(x, **arguments).outputs`, the outputs alone. For symbols, the symbol of this layer's output.

        A network of several inputs takes one value for each, in their order, or a dict. With symbols,
        inputs after the first may be given by name, such as the memory of a cell: `layer(x, source=encoded)`.

        initial_state: with symbols: by the name of a state, the value of rows (N, size) from which it starts
            instead of `state`; a list of values for a state of several layers or directions, in the order of
            `Run.final_state`. `state` sets the other states. `ost.final_states(y)` has this form.

        Raises ConfigError for a symbol with further arguments: pass them to `run` of the whole graph; and for
        an initial_state with an array. Raises DTypeError for symbols together with arrays, and for more or
        fewer values than inputs; ShapeError for values that do not fit.
        """
        values = (x, *more)
        if any(isinstance(one, Symbol) for one in (*values, *arguments.values())):
            values = (*values, *by_keyword(self, len(values), arguments))
            check_call(self, values, arguments)
            return applied(self, *values, initial_state=initial_state)
        if initial_state is not None:
            raise ConfigError(
                f"{type(self).__name__} is called with an array and initial_state; write state= for arrays, "
                "a dict as Run.final_state is"
            )
        return self.run(self._ports.called_with(repr(self), values) if more else x, **arguments).outputs

    @hinted("run")
    def run(
        self,
        x: Any,
        *,
        lengths: Any = None,
        mask: Any = None,
        state: Any = None,
        resets: Any = None,
        first_step: int = 0,
        seed: int | None = None,
        training: bool = False,
        regularize: bool = True,
    ) -> Run:
        """Runs the network over whole sequences.

        Args:
            x: (N, T, input_size) floats, converted to `dtype`; integer ids (N, T) where `takes_ids`; or a
                list of rows of different lengths. Of a Graph with several inputs a dict of them by name;
                all have the same N, sequences of one axis the same T; an input of rows is (N, size) floats
                or (N,) ids.
            lengths: (N,) integers 0..T, or None for T; the same for all sequences of an axis. Of a graph with
                several axes a dict by axis; an axis that is left out has no padding. Past its
                length a row outputs zeros and holds its state, and what x holds there is not read. T = 0,
                N = 0 and length 0 are allowed.
            mask: (N, T) booleans in the axis order of x, or a list of rows if x is one; None for True
                everywhere. Of a graph with several axes a dict by axis, as `lengths` is. The network skips a
                step whose mask is False: the state holds, the output is zero, and x is not read there. A step
                is valid if it lies within `lengths` and its mask is True. A row gives the results of its
                valid steps, one after the other, bit for bit. So a row without a valid step is a row of
                length 0, and `Last` takes the last valid step.
            state: a dict as `Run.final_state` is, or None for zeros; without the states that start from a
                value of the graph.
            resets: (N, T) booleans, as x's axes go. Where True, a new sequence begins in the row: its state
                is zeros before that step, no gradient goes back beyond it, and layers that read backwards
                end there. So a row gives what its sequences would, each as a row of its own. `state` is for
                the first sequence of a row, `final_state` is of the last, and so are values of rows, such
                as those of `Last`. A reset at a masked step starts a sequence at the next valid step; without
                a next valid step that sequence is empty: its final state and values of rows are zeros.
            first_step: what step 0 of x counts as. Noise is drawn by row and step, so with one seed the
                pieces of a stream, each with the number of its first step, get the noise of the whole.
                Masked steps are not counted.
            seed: of the regularizers' noise. The same seed gives the same masks to the rows of a call, by
                their place in it. None takes the next of a series that the network's own seed decides.
            training: keep what `Run.backward` needs, and regularize.
            regularize: False leaves regularizers at rest in training too, so that `Run.backward` is the
                gradient of what the network computes without training, such as a saliency.

        Raises ShapeError, DTypeError or ConfigError, naming the argument.
        """
        checks.flag("run", "training", training)
        checks.flag("run", "regularize", regularize)
        call, batch = self._call("run", x, lengths, mask, state, resets, first_step)
        core, facts = self._engine(regularize=regularize or not training)
        with self._seed_of("run", seed, training and regularize) as drawn:
            result = core.run(call, training, drawn)
        return Run(result, facts, batch, self._dtype_name, training)

    def predict(self, x: Any, *, lengths: Any = None, mask: Any = None, batch_size: int = BATCH_SIZE) -> Any:
        """The outputs for many rows, computed `batch_size` rows at a time, without training.

        x, lengths, mask: as in `run`. A list of rows gives a list of outputs (T_n, width), each with the
        steps of its row; arrays give arrays, as `run` does. A network of several outputs gives a dict of
        those. The results are those of one `run` over everything, bit for bit, with the memory of a batch.
        Raises ShapeError, DTypeError, ConfigError, naming the argument.
        """
        return predict(self, x, lengths, mask, batch_size)

    def stream(
        self,
        batch: int | None = None,
        *,
        rows: Mapping[str, Any] | None = None,
        memory: Any = None,
        lengths: Any = None,
    ) -> Stream:
        """A network that runs one step per call, for `batch` rows.

        It is fed the input on the axis of its output. What depends on other inputs alone, such as an encoder
        and the keys of an attention, runs once, when the stream is made.

        Args:
            batch: the number of rows; None for the rows of `memory`, or one.
            rows: of a graph that reads values of rows, such as static features, a dict of them by name:
                (batch, size) floats, or (batch,) ids.
            memory: of a graph or a layer that reads sequences besides the one that it is fed, a dict of them
                by name: (batch, S, size) floats, (batch, S) ids, or a list of rows. What is no dict is the
                only one.
            lengths: (batch,) integers 0..S of the memory; a dict by axis if there are several axes.

        It copies the current parameters; `Stream.refresh` copies them again. Raises ConfigError for a network
        that reads the fed sequence backwards or as a whole, or that has several outputs or several inputs on
        one axis with its output; ShapeError, DTypeError for other values.
        """
        count = None if batch is None else checks.count("stream", "batch", batch, at_least=1)
        steps = self._stepwise()
        return Stream(self, steps, steps.before("stream", count, rows, memory, lengths))

    @hinted("value_and_grad")
    def value_and_grad(
        self,
        x: Any,
        targets: Any,
        *,
        loss: AnyLoss,
        reduction: str = "mean",
        weights: Any = None,
        lengths: Any = None,
        mask: Any = None,
        state: Any = None,
        resets: Any = None,
        first_step: int = 0,
        seed: int | None = None,
        through_time: ThroughTime | None = None,
        input_gradient: bool = True,
        regularize: bool = True,
    ) -> tuple[float, Gradients]:
        """The loss over a batch and all its gradients, in one call.

        This is the fast path for training: a row group runs forwards and backwards while it is in the cache.
        The loss includes the penalties of regularizers; `Gradients.penalty` is their sum.

        Args:
            x: see `run`.
            targets: (N, T) integer ids for losses with classes, else (N, T, output_size) floats; a list of
                rows if x is one. For an output of rows: (N,) ids, or (N, output_size) floats. For a network
                with several outputs: a dict by name, for the outputs that have a loss.
            loss: a name, a Loss class or an instance: "mse", MSE and MSE() mean the same. An Objective, which
                has its own reduction, saves work if you call often. For a network with several outputs: a
                dict by name; an output without a loss is omitted. The value is the sum of the losses.
                `weighted(loss, scale)` scales one of them, and `Gradients.losses` holds the terms.
            reduction: "mean" over the valid steps, or rows, of each output; or "sum". It also holds for the
                penalties of steps.
            weights: (N, T) floats, or (N,) for an output of rows: a factor for each step or row; a dict by
                name like `loss`. With "mean", the sum is divided by the sum of the weights, so only their
                proportions matter, and negative weights are an error. With "sum", weights may be negative.
                The target under a weight of 0 is not read: it may be NaN or any id. Penalties do not use
                weights.
            lengths: see `run`.
            mask: see `run`. Targets and weights are not read at masked steps.
            state: see `run`.
            resets: see `run`. TruncatedBPTT counts the steps of each sequence from its own first.
            first_step: see `run`.
            seed: see `run`.
            through_time: FullBPTT(), TruncatedBPTT(k1, k2), CheckpointedBPTT(budget) or another ThroughTime;
                None means the first.
            input_gradient: False leaves `Gradients.inputs` out, as PyTorch does where the input requires no
                gradient: a sixth of the products of one layer that is as wide as its input. Layers that are
                frozen, with all layers before them, then have no backward pass, and their states are left
                out of `Gradients.initial_state`.
            regularize: False leaves regularizers at rest: no noise, and no penalties in the loss, which is
                then that of `loss_value`.

        Raises ShapeError, DTypeError or ConfigError, naming the argument.
        """
        through_time = check_through_time(through_time)
        checks.flag("value_and_grad", "input_gradient", input_gradient)
        checks.flag("value_and_grad", "regularize", regularize)
        call, batch = self._call("value_and_grad", x, lengths, mask, state, resets, first_step)
        losses = self._losses(loss, reduction).arguments(batch, targets, weights)
        core, facts = self._engine(input_gradient, regularize)
        mode = mode_of(through_time, batch.rows, batch.steps)
        with self._seed_of("value_and_grad", seed, regularize) as drawn:
            value, parts, arena, inputs, d_state, final, penalty = core.value_and_grad(
                call, losses, mode, drawn
            )
        states = (d_state, final)
        return value, Gradients.from_core(arena, inputs, states, facts, batch, penalty, parts)

    @hinted("loss_value")
    def loss_value(
        self,
        x: Any,
        targets: Any,
        *,
        loss: AnyLoss,
        reduction: str = "mean",
        weights: Any = None,
        lengths: Any = None,
        mask: Any = None,
        state: Any = None,
        resets: Any = None,
    ) -> tuple[float, dict[str, Array]]:
        """The loss over a batch without gradients, and the final state. Regularizers and penalties are off.

        Arguments and errors as in value_and_grad.
        """
        call, batch = self._call("loss_value", x, lengths, mask, state, resets, 0)
        losses = self._losses(loss, reduction).arguments(batch, targets, weights)
        values, final = self._core().loss_value(call, losses)
        return sum(values), from_slots(final, self._graph, batch.rows)

    def parameters(self) -> Parameters:
        """Name -> view into `arena`: writing into a view changes the network; the mapping is read-only.

        The mapping knows which parameters are frozen: `Optimizer.step` leaves them as they are.
        """
        arrays = views(self._graph.parameters.values(), self._arena)
        return Parameters(arrays, self.frozen, self._graph.aliases)

    @property
    def arena(self) -> Array:
        """All parameters, 1-D and contiguous; `Gradients.arena` is laid out alike.

        The array knows which parameters are frozen: `Optimizer.step` leaves them as they are.
        """
        return with_frozen(self._arena, frozen_ranges(self._graph, self._frozen.offsets))

    def state_dict(self) -> dict[str, Array]:
        """Name -> copy of each parameter, in PyTorch's names and layout where PyTorch has the layer.

        A tied parameter is there under all its names, as in PyTorch.
        """
        parameters = self.parameters()
        names = [*parameters, *(alias for aliases in parameters.aliases.values() for alias in aliases)]
        return {name: parameters[name].copy() for name in names}

    def load_state_dict(self, mapping: Mapping[str, Any], strict: bool = True) -> Mismatch:
        """Copies parameters from a mapping of names to anything that np.asarray makes an array of floats.

        With strict=False names may be missing or unexpected; they are returned. A tied parameter may be there
        under any of its names, with the same values under each. Everything is checked before anything is
        written. Raises ShapeError, DTypeError or ConfigError that names every
        disagreement.
        """
        checks.flag("load_state_dict", "strict", strict)
        return load_parameters(self._graph, self._arena, mapping, strict, self._layout_hint())

    @property
    def inputs(self) -> Mapping[str, Port]:
        """Name -> axis and size of each input; read-only. A layer alone has one, "x"."""
        return MappingProxyType({name: Port.of(node) for name, node in self._ports.inputs.items()})

    @property
    def outputs(self) -> Mapping[str, Port]:
        """Name -> axis and size of each output; read-only. A layer alone has one, "output"."""
        return MappingProxyType({name: Port.of(node) for name, node in self._ports.outputs.items()})

    @property
    def output_size(self) -> int:
        """Features of the output, or of the first of several, per step or row."""
        return self._ports.output.width

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> (layers * directions, size): the shape of each state without its N."""
        return {
            name: (len(members), *self._graph.slots[members[0]].shape)
            for name, members in self._graph.states.items()
        }

    @property
    def programs(self) -> dict[str, _core.Program]:
        """The traced step of each layer and direction; printing one shows its equations."""
        return {label: unit.program for label, unit in self._graph.units}

    @property
    def release(self) -> str:
        """The version of ostinato that wrote its file; this version for a network that is not from a file."""
        found: str = vars(self).get("_release", _core.__version__)
        return found

    @property
    def noise_calls(self) -> int:
        """The number of calls without `seed=` so far that drew noise, from the network's own series of seeds.

        It is saved with the model, so that a loaded network draws the masks that would have come next.
        Writable; raises ConfigError for anything but an integer from 0.
        """
        return self._seeds.calls

    @noise_calls.setter
    def noise_calls(self, calls: int) -> None:
        self._seeds.calls = checks.whole("network", "noise_calls", calls, at_least=0)

    def explain(self, rows: int = 32, steps: int = 100, *, input_gradient: bool = True) -> str:
        """The plan of each layer for `rows` x `steps`, on each axis: phases, matmuls, FLOPs, memory.

        input_gradient: as in `value_and_grad`; a Trainer computes no gradients of inputs.
        """
        checks.flag("explain", "input_gradient", input_gradient)
        return self._core(input_gradient).explain(
            checks.count("explain", "rows", rows, at_least=0),
            checks.count("explain", "steps", steps, at_least=0),
        )

    def training_memory(
        self, rows: int = 32, steps: int | Mapping[str, int] = 100, loss: AnyLoss | None = None
    ) -> TrainingMemory:
        """The memory that one `value_and_grad` with FullBPTT takes at its peak, with the threads of now.

        steps: of every row; a dict by axis where axes differ, such as the memory of a decoder:
            `{"target": 20, "source": 30}`.
        `loss` is as in `value_and_grad`, a dict by outputs too; nothing is counted for an output without one.
        Raises ConfigError.
        """
        return TrainingMemory.of(
            self._core(),
            checks.count("training_memory", "rows", rows, at_least=0),
            steps_by_axis(steps, self._ports.axes),
            self._loss_programs(loss),
        )

    def graph(self) -> GraphData:
        """What this network is made of, as a frozen value: nodes, programs, places of parameters and states.

        Raises ConfigError for a network with a step in Python.
        """
        from ostinato.network.description import GraphData

        return GraphData.of(self._graph, self._core())

    def plans(self, *, input_gradient: bool = True) -> list[dict[str, Any]]:
        """The plan of each layer as numbers: matmuls before, in and after the loop, forwards and backwards.

        What a layer computes once per row, from values of rows, is counted apart, under "once_per_row"; what
        it computes once per entry of a memory, by the name of the memory, under "once_per_entry".

        input_gradient: as in `value_and_grad`; a Trainer computes no gradients of inputs.
        """
        checks.flag("plans", "input_gradient", input_gradient)
        return self._core(input_gradient).plans()

    def save(self, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None) -> None:
        """Writes a model file that `ostinato.load` reads, whole or not at all.

        metadata: values of your own for this file, in addition to those of `self.metadata`. Raises OSError,
        ConfigError for values that a file cannot hold.
        """
        from ostinato.network.model_file import write_model

        if metadata is not None:
            metadata_text(metadata)
        write_model(self, path, metadata)

    def __str__(self) -> str:
        return summary(self, self._ports)

    def __getstate__(self) -> tuple[dict[str, Any], tuple[Array, frozenset[int]] | None, int]:
        own = None if self._children() else (self._arena.copy(), self._frozen.offsets)
        return self._given(), own, self.noise_calls

    def __setstate__(self, state: tuple[dict[str, Any], tuple[Array, frozenset[int]] | None, int]) -> None:
        kept, own, calls = state
        vars(self).update(kept)
        self._set_up(initial=False)
        if own is not None:
            self._arena[...], frozen = own
            self._frozen.replace(frozen)
        self.noise_calls = calls
        guard(self)

    def __copy__(self) -> Network:
        inside = list(self._inside())
        given = [value for net in inside for value in net._given().values()]
        # What holds networks is copied, as parameters have one home; not a layer outside, to which one inside
        # is tied.
        own = {id(net) for net in inside}
        shared = {id(value): value for value in given if not isinstance(value, dict) and id(value) not in own}
        return copy.deepcopy(self, shared)

    def __deepcopy__(self, memo: dict[int, Any]) -> Network:
        made: Network = type(self).__new__(type(self))
        memo[id(self)] = made
        made.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return made

    # What a kind of network says about itself.

    def _build(self, graph: Graph) -> tuple[dict[str, Node], bool]:
        """Adds inputs and layers to `graph`: the outputs by name, and whether results are plain arrays."""
        x = (
            graph.index_input(INPUT, self.input_size)
            if self.takes_ids
            else graph.input(INPUT, self.input_size)
        )
        return {OUTPUT: self._assemble(graph, x, Scope())}, True

    @abstractmethod
    def _assemble(self, graph: Graph, x: Node, scope: Scope) -> Node:
        """Adds this network's layers to `graph`, reading `x`, with names in `scope`."""

    def _join(self, graph: Graph, nodes: Sequence[Node], scope: Scope) -> Node:
        """`_assemble` with one node for each input. A network of several inputs writes this instead."""
        (x,) = nodes
        return self._assemble(graph, x, scope)

    @abstractmethod
    def _redraw(self, values: Array, scope: Scope, seed: int | None) -> None:
        """Writes initial values into `values`, laid out as `arena`, with streams named in `scope`."""

    @abstractmethod
    def _record(self, programs: Programs) -> dict[str, Any]:
        """This network's configuration as JSON values; its programs go to `programs`."""

    @classmethod
    @abstractmethod
    def _restore(cls, record: Record, programs: Programs) -> Network:
        """The network that `_record` described, with parameters that are all 0. Raises FormatError."""

    def _children(self) -> list[Network]:
        """The networks inside this one, in the order of their parameters."""
        return []

    def _given(self) -> dict[str, Any]:
        """The attributes of which `_set_up` makes the others."""
        return {name: value for name, value in vars(self).items() if name not in self._made and name != MARK}

    def _inside(self) -> Iterator[Network]:
        """This network and all inside it."""
        yield self
        for child in self._children():
            yield from child._inside()

    def _providers(self) -> Iterator[tuple[str, Provider]]:
        """What of this layer itself plugins provide, by its kind and name."""
        yield from ()

    def _layout_hint(self) -> str:
        """What to add when a parameter of the wrong shape is loaded."""
        return ""

    # What they share.

    def _set_up(self, initial: bool = True) -> None:
        """Lays out the parameters; with `initial` a layer draws them. A container takes its children's."""
        before = set(vars(self))
        self._depth = depth(self, self._children())
        graph = Graph()
        outputs, plain = self._build(graph)
        graph.complete()
        self._graph, self._ports = graph, Ports(graph.inputs, outputs, plain)
        self._dtype_name = self.dtype.name  # NumPy computes the name at each use, for microseconds
        self._arena = aligned_zeros((graph.size,), self.dtype)
        self._owned = False
        self._frozen = Frozen(graph.size)
        self._frozen.replace(fixed_offsets(graph))
        self._compiled: dict[tuple[bool, bool, frozenset[int]], _core.Network] = {}
        self._divided: tuple[_core.Network, dict[str | None, Stepwise]] | None = None
        self._lock = threading.RLock()  # a signal handler may use the network while it is compiled
        self._traced: dict[tuple[str, str, str], Objective] = {}
        children = self._children()
        self._adopt(children)
        self._regularized = any(unit.inference is not None or unit.penalised for _, unit in graph.units)
        self._noisy = any(unit.inference is not None for _, unit in graph.units)
        self._seeds = Seeds(self._noise_seeds())
        self._made = {"_made", *vars(self)} - before
        if initial and not children:
            self._redraw(self._arena, Scope(), None)

    def _adopt(self, children: list[Network]) -> None:
        """Moves the parameters of `children` into this arena, where they stay for good.

        Raises ConfigError.
        """
        for place, child in enumerate(children):
            if child._owned or any(child is other for other in children[:place]):
                raise ConfigError(
                    f"{shown(child)} has a place in a network already; make a new layer, and copy the "
                    "parameters "
                    "with load_state_dict if they are to be the same"
                )
        for child, start, stop in self._places():
            child._owned = True
            child._move(self._arena[start:stop], self._frozen, start)

    def _cast(self, dtype: str) -> None:
        """Makes this network anew in `dtype`, with initial values; what is frozen stays frozen."""
        frozen = self.frozen
        for child in self._children():
            child._cast(dtype)
            child._owned = False
        for name in self._made:
            del vars(self)[name]
        vars(self)["dtype"] = np.dtype(dtype)
        self._set_up()
        if frozen:
            self.freeze(*frozen)

    def _move(self, slot: Array, frozen: Frozen, start: int) -> None:
        """Makes `slot`, which begins at `start` of another network's arena, the home of the parameters."""
        slot[...] = self._arena
        self._arena = slot
        self._frozen.move(frozen, start)
        for child, first, stop in self._places():
            child._move(slot[first:stop], self._frozen, first)

    def _places(self) -> Iterator[tuple[Network, int, int]]:
        """Each child, and where its part of the arena starts and stops."""
        start = 0
        for child in self._children():
            stop = start + child._graph.size
            yield child, start, stop
            start = aligned(stop)

    def _parts(self, values: Array) -> Iterator[tuple[Network, Array]]:
        """Each child with its part of `values`, which is laid out as `arena`."""
        for child, start, stop in self._places():
            yield child, values[start:stop]

    def _noise_seeds(self) -> list[int]:
        """What the series of seeds of this network's noise depends on."""
        inside = [seed for child in self._children() for seed in child._noise_seeds()]
        return inside or [getattr(self, "seed", 0)]

    def _seed_of(self, call: str, seed: int | None, training: bool) -> AbstractContextManager[int]:
        if seed is None and not self._noisy:
            return nullcontext(0)
        return self._seeds.during(call, seed, training)

    def _engine(self, input_gradient: bool = True, regularize: bool = True) -> tuple[_core.Network, Facts]:
        """The core's network for what is frozen now, made when it is first wanted; and what results need."""
        regularize = regularize or not self._regularized
        with self._lock:
            frozen = self._frozen.offsets
            core = self._compiled.get((input_gradient, regularize, frozen))
            if core is None:
                core = self._graph.compile(
                    self._dtype_name, self._ports.outputs, regularize, input_gradient, frozen
                )
                # Networks of what was frozen before would keep their memory.
                kept = {key: one for key, one in self._compiled.items() if key[2] == frozen}
                self._compiled = {**kept, (input_gradient, regularize, frozen): core}
            return core, Facts(self._graph, self._ports, frozen)

    def _core(self, input_gradient: bool = True) -> _core.Network:
        """The core's network, with the gradient of the input or without."""
        return self._engine(input_gradient)[0]

    def _stepwise(self, watch: str | None = None) -> Stepwise:
        """The parts of this network that run before the steps and at each step, made when first wanted.

        watch: the name of the numbers on entries that can be read after each step, "" for the only ones.
        """
        core = self._core()
        with self._lock:
            if self._divided is None or self._divided[0] is not core:
                self._divided = (core, {})
            made = self._divided[1]
            if watch not in made:
                steps = core.steps(watch)
                made[watch] = Stepwise(
                    steps, self._graph, self._ports, self._dtype_name, self.batch_first is not False
                )
            return made[watch]

    def _call(
        self, call: str, x: Any, lengths: Any, mask: Any, state: Any, resets: Any, first_step: Any
    ) -> tuple[Any, Batch]:
        """The core's form of what every call reads, and the rows and steps of the inputs."""
        arrays, batch = self._ports.read(x, lengths, self._dtype_name, self.batch_first is not False, mask)
        if resets is not None and not self._ports.axes:
            raise ConfigError("resets is given, but no input of this network is a sequence; expected None")
        batch = batch.along(call, resets, first_step)
        slots = to_slots("state", state, self._graph, batch.rows, self._dtype_name)
        return (self._arena, arrays, batch.extent, slots), batch

    def _checkpoint_plan(self, budget: Budget, rows: Any, steps: Any, loss: Any) -> CheckpointPlan:
        return CheckpointPlan.of(
            self._core(),
            budget,
            checks.count("plan", "rows", rows, at_least=0),
            checks.count("plan", "steps", steps, at_least=0),
            self._loss_programs(loss),
        )

    def _loss_programs(self, loss: Any) -> list[tuple[int, Program]]:
        return [] if loss is None else self._losses(loss, "sum").programs

    def _losses(self, loss: Any, reduction: str) -> Losses:
        return Losses.of(loss, reduction, self._ports, self._dtype_name, self._traced)


def draw_all(graph: Graph, values: Array, scope: Scope, seed: int) -> None:
    """Initial values for a layer's own parameters, each from the stream of its full name in `scope`."""
    for name, view in views(graph.parameters.values(), values).items():
        view[...] = draw(graph.parameters[name], scope.name(name), seed)
