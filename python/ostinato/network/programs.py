"""`Programs`: the table of step programs of a model file, by whose places layers refer to them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ostinato import _core
from ostinato.attribute_guard import guard
from ostinato.cell import Param
from ostinato.errors import FormatError, shown
from ostinato.network.check import DEEPEST_NETWORK
from ostinato.network.graph import Unit
from ostinato.network.kinds import class_of, kind_hint
from ostinato.network.record import Record, is_plain
from ostinato.options import stable_text
from ostinato.plugins.entry import Provider


class Programs:
    """The table of step programs of one model file, and the arithmetic type of its network.

    `elements` bounds what a file may ask for: the parameters of all layers together are no more than its
    tensors hold. `tables` numbers the layers to whose table others are tied, by id.
    """

    def __init__(
        self,
        dtype: str,
        texts: list[Any] | None = None,
        elements: int = 0,
        tables: Mapping[int, int] | None = None,
    ) -> None:
        self.dtype = dtype
        self._table_places = tables or {}
        self._tables: dict[int, Any] = {}
        self._waiting: list[tuple[int, Callable[[Any], None]]] = []
        self.texts: list[str] = []
        self._places: dict[str, int] = {}
        self._programs: list[_core.Program] = []
        self._left = elements
        self._depth = 0
        for n, text in enumerate(texts or []):
            if not isinstance(text, str):
                raise FormatError(f"model description: programs[{n}] is no text")
            self._programs.append(_core.Program(text))

    # Writing.

    def add(self, unit: Unit) -> dict[str, Any]:
        """A reference to the unit's program, and the names of its initializers (null for a callable)."""
        inits = {name: p.init if isinstance(p.init, str) else None for name, p in unit.params.items()}
        record = {"program": self._place(unit.program), "init": inits}
        fixed = [name for name, p in unit.params.items() if not p.learned]
        if fixed:
            record["fixed"] = fixed
        if unit.inference is not None:
            record["inference"] = self._place(unit.inference)
        if unit.penalty is not None:
            record["penalty"] = self._place(unit.penalty)
        return record

    def _place(self, program: _core.Program) -> int:
        text = program.to_json()
        if text not in self._places:
            self._places[text] = len(self.texts)
            self.texts.append(text)
        return self._places[text]

    def options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options as JSON values.

        One that JSON cannot hold is kept as a text, the same in every process; a loaded model only shows it.
        """
        return {name: value if _is_json(value) else stable_text(value) for name, value in options.items()}

    def provider(self, provider: Provider | None) -> dict[str, str] | None:
        """A provider as an object, None as null."""
        if provider is None:
            return None
        return {"id": provider.id, "distribution": provider.distribution, "version": provider.version}

    def providers(self, providers: Iterable[tuple[str, Provider]]) -> list[list[Any]]:
        """Pairs of a "kind name" and its provider as an object."""
        return [[name, self.provider(provider)] for name, provider in providers]

    def table_place(self, layer: object) -> int | None:
        """The number of a layer that others are tied to; None for other layers."""
        return self._table_places.get(id(layer))

    # Reading.

    def add_table(self, record: Record, place: int, layer: Any) -> None:
        """Layer number `place` that others are tied to was read."""
        if place in self._tables:
            raise record.error(f"the table {place}, as another layer has")
        self._tables[place] = layer
        for waiting, tie in self._waiting:
            if waiting == place:
                tie(layer)

    def when_table(self, place: int, tie: Callable[[Any], None]) -> None:
        """Calls `tie` with layer number `place`, once it is read."""
        if place in self._tables:
            tie(self._tables[place])
        else:
            self._waiting.append((place, tie))

    def read_providers(self, record: Record) -> tuple[tuple[str, Provider], ...]:
        """What `providers` wrote under the key "providers", which may be left out."""
        if not record.has("providers"):
            return ()
        return tuple((name, one.read_provider()) for name, one in record.named("providers"))

    def unit(self, record: Record, takes_ids: bool = False, tied: Sequence[str] = ()) -> Unit:
        """The unit of one input that `add` referred to; its `tied` parameters are those of another layer.

        Raises FormatError when it is no step of a layer.
        """
        unit = self._unit(record, tied)
        inputs = unit.program.inputs
        if len(inputs) != 1 or inputs[0][2] != takes_ids or (not takes_ids and len(inputs[0][1]) != 1):
            raise record.error("a program with other inputs than a layer's")
        return unit

    def step(self, record: Record) -> Unit:
        """The unit without parameters and states that `add` referred to. Raises FormatError for another."""
        unit = self._unit(record)
        if unit.params or unit.states:
            raise record.error("a step with parameters or states; expected one without")
        return unit

    def _unit(self, record: Record, tied: Sequence[str] = ()) -> Unit:
        program, inits = self._program(record, "program"), record.texts("init")
        inference = self._program(record, "inference") if record.has("inference") else None
        penalty = self._program(record, "penalty") if record.has("penalty") else None
        fixed = record.items("fixed") if record.has("fixed") else None
        record.done()
        if inference is not None and (_ports(inference) != _ports(program) or len(inference.outputs) != 1):
            raise record.error("an inference program of another layer")
        if penalty is not None and [(name, shape) for name, shape, _ in penalty.inputs] != program.params:
            raise record.error("a penalty on parameters of another layer")
        outputs = program.outputs
        if len(outputs) == 2 and inference is not None and not outputs[1][1]:
            outputs = outputs[:1]  # the second is the penalty of a step
        if len(outputs) != 1 or len(outputs[0][1]) != 1:
            raise record.error("a program with other outputs than a layer's")
        if set(inits) != {name for name, _ in program.params}:
            raise record.error("initializers for other parameters than its program's")
        if fixed is not None and (
            not fixed or fixed != [name for name, _ in program.params if name in fixed]
        ):
            raise record.error("fixed parameters that are none of its program's")
        self._left -= sum(math.prod(shape) for name, shape in program.params if name not in tied)
        if self._left < 0:
            raise record.error("more parameters than the file holds")
        return Unit(
            program,
            {
                name: Param(tuple(shape), inits[name] or unknown, name not in (fixed or ()))
                for name, shape in program.params
            },
            {name: tuple(shape) for name, shape in program.states},
            outputs[0][1][0],
            inference,
            penalty=penalty,
        )

    def _program(self, record: Record, key: str) -> _core.Program:
        place = record.whole(key)
        if place >= len(self._programs):
            raise record.error(f"the program {place}, of {len(self._programs)}")
        return self._programs[place]

    def network(self, record: Record) -> Any:
        """The network that a record describes, with parameters that are all 0."""
        kind = record.text("kind")
        made = class_of(kind)
        if made is None:
            raise record.error(f"the unknown kind {shown(kind)}; {kind_hint(kind)}")
        self._depth += 1
        if self._depth > DEEPEST_NETWORK:
            raise record.error(f"more than {DEEPEST_NETWORK} containers around it")
        net = made._restore(record, self)
        guard(net)
        self._depth -= 1
        return net


def unknown(shape: tuple[int, ...], rng: Any) -> Any:
    """Stands for an initializer that was a function, which a file does not hold. Raises FormatError."""
    raise FormatError("this layer was loaded from a file, which does not hold how its parameters started")


def _ports(program: _core.Program) -> tuple[Any, ...]:
    return program.inputs, program.states, program.params, program.outputs[:1]


def _is_json(value: Any) -> bool:
    try:
        return is_plain(value) and bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError, RecursionError):
        return False
