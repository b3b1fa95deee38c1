"""The time of a memory budget, compared with full BPTT: `python benches/checkpoints.py`, under a minute.

One training step of an LSTM with a Dense head at T = 1,000, one thread, at shares of full BPTT's memory. Both
modes are timed alternately; their gradients are compared to the bit first.
"""

from __future__ import annotations

import json
from pathlib import Path

import machine
import numpy as np
from timing import alternate

import ostinato as ost

T = 1_000
SHAPES = ((16, 64), (16, 128), (32, 128))
SHARES = ("5%", "10%", "50%")
SECONDS = 3.0
RESULT = Path(__file__).parent / "results" / "checkpoints.json"


def main() -> None:
    """Checks, measures, prints, writes."""
    ost.set_num_threads(1)
    rows = []
    print(f"{'':24}{'memory MB':>10}{'of full':>9}{'full ms':>9}{'time':>8}  {'95 %':13}{'arithmetic':>11}")
    for count, hidden in SHAPES:
        net = ost.Sequential(ost.LSTM(hidden, hidden), ost.Dense(hidden, 8))
        rng = np.random.default_rng(0)
        x = rng.normal(size=(count, T, hidden)).astype("float32")
        targets = rng.normal(size=(count, T, 8)).astype("float32")

        def step(way: ost.ThroughTime, net=net, x=x, targets=targets) -> tuple[float, ost.Gradients]:
            return net.value_and_grad(x, targets, loss="mse", through_time=way)

        full = step(ost.FullBPTT())
        for share in SHARES:
            way = ost.CheckpointedBPTT(share)
            plan = way.plan(net, count, T, "mse")
            loss, grads = step(way)
            assert loss == full[0] and grads.arena.tobytes() == full[1].arena.tobytes()
            pair = alternate(lambda: step(ost.FullBPTT()), lambda way=way: step(way), SECONDS)
            rows.append(
                {
                    "rows": count,
                    "hidden": hidden,
                    "share": share,
                    "memory": plan.memory,
                    "full_memory": plan.full_memory,
                    "full_ms": pair.ours * 1e3,
                    "times_full": pair.ratio,
                    "interval": [pair.low, pair.high],
                    "arithmetic": plan.factor,
                }
            )
            name = f"{count} rows, H = {hidden}, {share}"
            part = plan.memory / plan.full_memory
            print(
                f"{name:24}{plan.memory / 1e6:10.2f}{part:9.1%}{pair.ours * 1e3:9.1f}{pair.ratio:8.2f}  "
                f"{pair.low:.2f} to {pair.high:.2f} {plan.factor:11.2f}"
            )
    RESULT.parent.mkdir(exist_ok=True)
    content = {"machine": machine.describe(), "steps": T, "threads": 1, "rows": rows}
    RESULT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
