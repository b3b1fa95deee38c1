"""The plan of checkpointed BPTT for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ostinato import _core


@dataclass(frozen=True)
class CheckpointPlan:
    """Segments, memory and recomputation of one call; print it.

    `segments` has the number of steps of a segment for each row group. Per row group, at most `states` states
    between segments are stored at the same time, and `kept` segments are kept. `row_groups` row groups run at
    the same time; they take `memory` bytes, and FullBPTT takes `full_memory`. `recomputed` is the mean number
    of times that a step runs forward again, 0 to 1 if a state is stored at every boundary. `factor` is the
    arithmetic of matrix products relative to FullBPTT.
    """

    rows: int
    steps: int
    segments: tuple[int, ...]
    states: int
    kept: int
    row_groups: int
    memory: int
    full_memory: int
    recomputed: float
    factor: float

    @classmethod
    def of(
        cls,
        core: _core.Network,
        budget: _core.Budget,
        rows: int,
        steps: int,
        losses: Sequence[tuple[int, _core.Program]],
    ) -> CheckpointPlan:
        """The numbers of the core for a budget. Raises ConfigError."""
        found = core.checkpoint_plan(rows, steps, budget, losses)
        forward, backward = (
            sum(layer[direction]["flops"] for layer in core.plans()) for direction in ("forward", "backward")
        )
        again = found["again"] / max(1, found["total"])
        return cls(
            rows,
            steps,
            tuple(found["segments"]),
            found["states"],
            found["kept"],
            found["row_groups"],
            found["bytes"],
            found["full_bytes"],
            again,
            1 + again * forward / max(1, forward + backward),
        )

    def __str__(self) -> str:
        longest = max(self.segments, default=0)
        count = -(-self.steps // max(1, longest))
        return "\n".join(
            [
                f"checkpointed BPTT at {self.rows} rows x {self.steps} steps",
                f"  {count} segment(s) of {longest} steps; up to {self.states} state(s) stored, "
                f"{self.kept} segment(s) kept",
                f"  {self.memory / 1e6:.2f} MB for {self.row_groups} row group(s) at a time, "
                f"where full BPTT takes {self.full_memory / 1e6:.2f} MB",
                f"  steps run forwards {1 + self.recomputed:.2f} times: "
                f"{self.factor:.2f}x the arithmetic of full BPTT",
            ]
        )
