"""The losses of all outputs of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ostinato import _core
from ostinato.errors import ConfigError, shown
from ostinato.losses import Loss
from ostinato.network.arena import Array
from ostinato.network.criteria import held
from ostinato.network.graph import Graph
from ostinato.network.objective import Objective, Weighted
from ostinato.network.ports import Ports
from ostinato.sequences.batch import Batch

OneLoss: TypeAlias = str | type[Loss] | Loss | Objective | Weighted
AnyLoss: TypeAlias = OneLoss | Mapping[str, OneLoss]
"""What `loss=` takes: a name, a class or an instance, or a dict of those by the names of outputs."""


@dataclass(frozen=True)
class Losses:
    """Objectives by the names of outputs; an output may have none."""

    objectives: Mapping[str, Objective]
    ports: Ports

    @classmethod
    def of(
        cls,
        loss: Any,
        reduction: Any,
        ports: Ports,
        dtype: str,
        traced: dict[tuple[str, str, str], Objective],
    ) -> Losses:
        """A loss, or a dict of losses by output; an Objective stays as it is.

        `traced` holds what was traced by the names of output, loss and reduction. Raises ConfigError,
        DTypeError.
        """
        given = ports.by_name("loss", loss, ports.outputs, plain=len(ports.outputs) == 1, partial=True)
        if not given:
            raise ConfigError("loss is an empty dict; expected a loss for at least one output")
        made: dict[str, Objective] = {}
        for name, one in given.items():
            bare = one.loss if isinstance(one, Weighted) else one
            if isinstance(bare, str) and isinstance(reduction, str):
                key = (name, bare, reduction)
                if key not in traced:
                    traced[key] = Objective.of(bare, reduction, ports.outputs[name], dtype)
                made[name] = replace(traced[key], scale=one.scale) if one is not bare else traced[key]
            elif isinstance(one, Objective):
                made[name] = one
            else:
                made[name] = Objective.of(one, reduction, ports.outputs[name], dtype)
        return cls(made, ports)

    @property
    def first(self) -> Objective:
        """The loss of the first output that has one."""
        return next(iter(self.objectives.values()))

    @property
    def programs(self) -> list[tuple[int, _core.Program]]:
        """The number of each output that has a loss, and the loss's program."""
        numbers = {name: number for number, name in enumerate(self.ports.outputs)}
        return [(numbers[name], one.program) for name, one in self.objectives.items()]

    @property
    def draw_noise(self) -> bool:
        """Whether a loss draws noise in training."""
        return any(one.drawn is not None for one in self.objectives.values())

    def arguments(
        self,
        batch: Batch,
        targets: Any,
        weights: Any,
        graph: Graph,
        arena: Array,
        *,
        training: bool = False,
        share: tuple[list[float], float] | None = None,
    ) -> _core.Losses:
        """The core's form; the graph and the arena of the network hold the parameters of losses.

        `training`: whether losses draw their noise; `share`: see `_core.Losses`. Raises ShapeError,
        DTypeError or ConfigError by name.
        """
        names = list(self.objectives)
        plain = len(self.ports.outputs) == 1
        given = self._by_output("targets", targets, plain)
        missing = [name for name in names if name not in given]
        if missing:
            raise ConfigError(
                f"targets has no {shown(missing[0])}, which has a loss; expected {', '.join(names)}"
            )
        scales = {} if weights is None else self._by_output("weights", weights, plain)
        numbers = {name: number for number, name in enumerate(self.ports.outputs)}
        made = [
            one.argument(
                batch,
                given[name],
                scales.get(name),
                numbers[name],
                None if plain else name,
                held(graph, arena, self.ports.outputs[name], one.program),
                training,
            )
            for name, one in self.objectives.items()
        ]
        more = () if share is None else (share,)
        return _core.Losses(made, self.first.reduction, *more)

    def _by_output(self, what: str, value: Any, plain: bool) -> dict[str, Any]:
        given = self.ports.by_name(what, value, self.ports.outputs, plain=plain, partial=True)
        extra = [name for name in given if name not in self.objectives]
        if extra:
            raise ConfigError(
                f"{what} has {shown(extra[0])}, an output without a loss; give loss[{shown(extra[0])}], or "
                "leave it out"
            )
        return given
