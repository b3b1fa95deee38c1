"""What checkpointed BPTT does to a batch, told before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ostinato import checks

if TYPE_CHECKING:
    from ostinato.losses import Loss
    from ostinato.network.network import Network
    from ostinato.network.through_time import CheckpointedBPTT


@dataclass(frozen=True)
class CheckpointPlan:
    """Segments, memory and recomputation of one call; print it.

    `segments` has the steps of a segment for each unit of rows, `checkpoints` the borders between segments
    in one unit. `at_once` units are worked on together; these take `memory` bytes, where FullBPTT takes
    `full_memory`. `recomputed` is the share of forward steps that run twice, 0 to 1.
    """

    rows: int
    steps: int
    segments: tuple[int, ...]
    checkpoints: int
    at_once: int
    memory: int
    full_memory: int
    recomputed: float

    @classmethod
    def of(
        cls, way: CheckpointedBPTT, net: Network, rows: int, steps: int, loss: str | Loss | None
    ) -> CheckpointPlan:
        """Asks the core. Raises ConfigError."""
        rows = checks.whole("plan", "rows", rows, at_least=0)
        steps = checks.whole("plan", "steps", steps, at_least=0)
        program = None if loss is None else net._objective(loss, "sum").program
        found = net._core().checkpoint_plan(rows, steps, way.core, program)
        return cls(
            rows,
            steps,
            tuple(found["segments"]),
            found["checkpoints"],
            found["at_once"],
            found["bytes"],
            found["full_bytes"],
            found["again"] / max(1, found["total"]),
        )

    def __str__(self) -> str:
        longest = max(self.segments, default=0)
        return "\n".join(
            [
                f"checkpointed BPTT at {self.rows} rows x {self.steps} steps",
                f"  {self.checkpoints + 1} segment(s) of up to {longest} steps, "
                f"{self.checkpoints} checkpoint(s)",
                f"  {self.memory / 1e6:.2f} MB for {self.at_once} unit(s) of rows at once, "
                f"where full BPTT takes {self.full_memory / 1e6:.2f} MB",
                f"  {self.recomputed:.0%} of the forward steps run twice",
            ]
        )
