"""The predicted memory of a training step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ostinato import _core
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
        cls, core: _core.Network, rows: int, steps: int, losses: Sequence[tuple[int, _core.Program]]
    ) -> TrainingMemory:
        """The numbers of the core. Raises ConfigError."""
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
