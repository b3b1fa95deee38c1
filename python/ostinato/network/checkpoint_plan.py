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
    """Chunks of time, memory and recomputation of one call; print it.

    `chunks` has the steps of a chunk for each unit of rows; of one unit, at most `states` states between
    chunks are stored at once and `kept` chunks kept. `at_once` units are worked on together; these take
    `memory` bytes, where FullBPTT takes `full_memory`. `recomputed` is how often a step runs forwards again,
    0 to 1 where all borders have a state; `factor` is all arithmetic against that of FullBPTT, in matrix
    products.
    """

    rows: int
    steps: int
    chunks: tuple[int, ...]
    states: int
    kept: int
    at_once: int
    memory: int
    full_memory: int
    recomputed: float
    factor: float

    @classmethod
    def of(
        cls, way: CheckpointedBPTT, net: Network, rows: int, steps: int, loss: str | Loss | None
    ) -> CheckpointPlan:
        """Asks the core. Raises ConfigError."""
        rows = checks.count("plan", "rows", rows, at_least=0)
        steps = checks.count("plan", "steps", steps, at_least=0)
        program = None if loss is None else net._objective(loss, "sum").program
        found = net._core().checkpoint_plan(rows, steps, way.core, program)
        forward, backward = (
            sum(layer[way_there]["flops"] for layer in net.plans()) for way_there in ("forward", "backward")
        )
        again = found["again"] / max(1, found["total"])
        return cls(
            rows,
            steps,
            tuple(found["chunks"]),
            found["states"],
            found["kept"],
            found["at_once"],
            found["bytes"],
            found["full_bytes"],
            again,
            1 + again * forward / max(1, forward + backward),
        )

    def __str__(self) -> str:
        longest = max(self.chunks, default=0)
        count = -(-self.steps // max(1, longest))
        return "\n".join(
            [
                f"checkpointed BPTT at {self.rows} rows x {self.steps} steps",
                f"  {count} chunk(s) of {longest} steps; up to {self.states} state(s) stored, "
                f"{self.kept} chunk(s) kept",
                f"  {self.memory / 1e6:.2f} MB for {self.at_once} unit(s) of rows at once, "
                f"where full BPTT takes {self.full_memory / 1e6:.2f} MB",
                f"  steps run forwards {1 + self.recomputed:.2f} times: "
                f"{self.factor:.2f}x the arithmetic of full BPTT",
            ]
        )
