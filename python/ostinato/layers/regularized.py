"""`Regularized`: a regularizer as a layer, such as `Dropout(0.3)` in a Sequential."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ostinato.errors import ShapeError, shown
from ostinato.layers.any_width import AnyWidth
from ostinato.network.graph import Graph, Node, Scope, Unit
from ostinato.network.steps import regularized
from ostinato.plugins.entry import BUILTIN, Provider
from ostinato.plugins.registry import registry
from ostinato.regularizer import Regularizer

if TYPE_CHECKING:  # Most programs read no model file.
    from ostinato.network.programs import Programs
    from ostinato.network.record import Record


class Regularized(AnyWidth):
    """The values that it is given, as a regularizer changes them in training; made by Sequential.

    Raises ConfigError for a regularizer of what only a cell has, such as its weights or states.
    """

    kind = "regularized"

    def __init__(self, regularizer: Regularizer) -> None:
        self._regularizer: Regularizer | None = regularizer
        self._text = repr(regularizer)
        self._provider: Provider | None = regularizer.provider or registry.provider_of(type(regularizer))
        # By width; filled where the layer is placed, so that a file can hold them.
        self._steps: dict[int, Unit] = {}
        self._prepare()

    def __repr__(self) -> str:
        return self._text

    def _assemble(self, graph: Graph, x: Node, scope: Scope) -> Node:
        if x.width not in self._steps:
            if self._regularizer is None:
                known = ", ".join(map(str, self._steps))
                raise ShapeError(
                    f"{shown(self)} is given {x.width} features; the file has steps for {known} features"
                )
            self._steps[x.width] = regularized(self._regularizer, x.width)
        return graph.regularize(self._steps[x.width], x)

    def _record(self, programs: Programs) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "regularizer": self._text,
            "provider": programs.provider(self._provider),
            "steps": [programs.add(unit) for unit in self._steps.values()],
        }

    def _providers(self) -> Iterator[tuple[str, Provider]]:
        if self._provider is not None and self._provider.id != BUILTIN:
            yield f"regularizer {self._text.partition('(')[0]}", self._provider

    @classmethod
    def _restore(cls, record: Record, programs: Programs) -> Regularized:
        self = cls.__new__(cls)
        self._regularizer, self._text = None, record.text("regularizer")
        self._provider = record.provider("provider")
        self._steps = {}
        for inner in record.objects("steps"):
            unit = programs.step(inner)
            if len(unit.program.inputs) != 1:
                raise record.error("a step of several inputs")
            self._steps[unit.output_size] = unit
        record.done()
        if 1 not in self._steps:
            raise record.error("no step of one feature")
        self._prepare()
        return self
