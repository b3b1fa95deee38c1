"""`Network`: what every layer, and every combination of layers, can do."""

from __future__ import annotations

import copy
import os
import threading
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ostinato import _core, checks
from ostinato.aligned import aligned_zeros
from ostinato.arena_view import arena_view
from ostinato.attribute_guard import MARK, AttributeGuard, guard
from ostinato.errors import ConfigError, shown
from ostinato.foreign import names
from ostinato.network.arena import Array, draw, views
from ostinato.network.can_step import CanStep
from ostinato.network.check import depth
from ostinato.network.described import Described
from ostinato.network.freezing import CanFreeze, Frozen, fixed_offsets, frozen_ranges
from ostinato.network.graph import Graph, Node, Scope, aligned
from ostinato.network.kinds import register_kind
from ostinato.network.metadata import HasMetadata, metadata_text
from ostinato.network.objective import Objective
from ostinato.network.parameters import Mismatch, Parameters, load_parameters
from ostinato.network.ports import INPUT, OUTPUT, Ports
from ostinato.network.seeds import Seeds
from ostinato.network.summary import summary
from ostinato.network.symbol import InitialState, Symbol, applied, by_keyword, check_call

if TYPE_CHECKING:
    from ostinato.network.programs import Programs
    from ostinato.network.record import Record
    from ostinato.plugins.entry import Provider


class Network(Described, CanStep, CanFreeze, HasMetadata, AttributeGuard):
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

    def parameters(self) -> Parameters:
        """Name -> view into `arena`: writing into a view changes the network; the mapping is read-only.

        The mapping knows which parameters are frozen: `Optimizer.step` leaves them as they are.
        """
        arrays = views(self._graph.parameters.values(), self._arena)
        return Parameters(arrays, self.frozen, self._graph.aliases)

    @property
    def arena(self) -> Array:
        """All parameters, 1-D and contiguous; `Gradients.arena` is laid out alike.

        The array knows which parameters are frozen: `Optimizer.step` leaves them as they are. Between the
        parameters may lie numbers that are no parameter's, because each parameter begins on a cache line:
        whatever is written there reaches nothing.
        """
        frozen = frozen_ranges(self._graph, self._frozen.offsets)
        return arena_view(self._arena, frozen, self._graph.padding)

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
        self._seeds.set_calls(checks.whole("network", "noise_calls", calls, at_least=0))

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
        self._divided = None
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


def draw_all(graph: Graph, values: Array, scope: Scope, seed: int) -> None:
    """Initial values for a layer's own parameters, each from the stream of its full name in `scope`."""
    for name, view in views(graph.parameters.values(), values).items():
        view[...] = draw(graph.parameters[name], scope.name(name), seed)
