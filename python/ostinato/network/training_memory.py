"""The predicted memory of a training step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostinato import _core, checks
from ostinato.errors import ConfigError, shown
from ostinato.sequences.by_axis import by_axis
from ostinato.threads import get_num_threads


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes that one `value_and_grad` with FullBPTT takes at its peak; print it.

    `parameters` are copies of them and their gradients, `batch` copies of inputs and targets and the input's
    gradient, `row_group` saved tensors and scratch of a row group. `threads` row groups run at the same time:
    as many as threads are set, and no more than the batch has. The caller's own arrays and the parameters
    themselves are not counted.
    """

    parameters: int
    batch: int
    row_group: int
    threads: int

    @classmethod
    def of(
        cls,
        core: _core.Network,
        rows: int,
        steps: Sequence[int],
        losses: Sequence[tuple[int, _core.Program]],
    ) -> TrainingMemory:
        """The numbers of the core for the steps of each axis. Raises ConfigError."""
        found = core.training_memory(rows, steps, losses)
        return cls(
            found["parameters"],
            found["batch"],
            found["row_group"],
            min(found["threads"], get_num_threads()),
        )

    @property
    def bytes(self) -> int:
        """The peak."""
        return self.parameters + self.batch + self.row_group * self.threads

    def __str__(self) -> str:
        return (
            f"training step: {self.bytes / 1e6:.2f} MB at its peak; {self.parameters / 1e6:.2f} MB for "
            f"parameters, {self.batch / 1e6:.2f} MB for the batch, {self.row_group / 1e6:.2f} MB for each of "
            f"{self.threads} thread(s)"
        )


def steps_by_axis(steps: Any, axes: Sequence[str]) -> list[int]:
    """The steps of each axis, from a number for all or a dict by axis. Raises ConfigError."""
    if not isinstance(steps, Mapping):
        return [checks.count("training_memory", "steps", steps, at_least=0)] * max(len(axes), 1)
    found = by_axis("steps", steps, axes)
    for name in axes:
        if name not in found:
            raise ConfigError(
                f"training_memory: steps has no axis {shown(name)}; expected the steps of each axis of this "
                f"network ({', '.join(map(shown, axes))}), or a number for all of them"
            )
    return [checks.count("training_memory", f"steps[{name!r}]", found[name], at_least=0) for name in axes]
