"""The cost of regularizers: a training step of an LSTM with and without them, in about a minute.

`python benches/regularizers.py [SECONDS]` prints medians, the ratio of neighbors and its 95 % interval, and
writes `results/regularizers.json`. T=100, N=32, I=H, float32, one thread, mean squared error.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import machine
import numpy as np
from timing import alternate

import ostinato as ost

T, N = 100, 32
SIZES = (128, 256)
SETS = {
    "variational dropout + zoneout + weight drop": [
        ost.VariationalDropout(0.25),
        ost.Zoneout(0.1),
        ost.WeightDrop(0.3),
    ],
    "variational dropout": [ost.VariationalDropout(0.25)],
    "zoneout": [ost.Zoneout(0.1)],
    "weight drop": [ost.WeightDrop(0.3)],
    "layer norm": [ost.LayerNorm()],
    "AR + TAR + L2": [ost.ActivationPenalty(2.0), ost.TemporalActivationPenalty(1.0), ost.L2(1e-4)],
}
RESULT = Path(__file__).parent / "results" / "regularizers.json"


def main(seconds: float) -> None:
    """Measures, prints, writes."""
    ost.set_num_threads(1)
    rows = []
    print(f"{'':46}{'H':>5}{'plain ms':>10}{'with ms':>9}{'cost':>8}  95 %")
    for name, regularizers in SETS.items():
        for hidden in SIZES:
            rng = np.random.default_rng(0)
            x, targets = (rng.standard_normal((N, T, hidden), dtype=np.float32) for _ in "xy")
            plain = ost.LSTM(hidden, hidden)
            net = ost.LSTM(hidden, hidden, regularizers=regularizers)
            pair = alternate(
                lambda: plain.value_and_grad(x, targets, loss="mse"),  # noqa: B023
                lambda: net.value_and_grad(x, targets, loss="mse"),  # noqa: B023
                seconds,
            )
            rows.append({"regularizers": name, "hidden": hidden, **vars(pair)})
            print(
                f"{name:46}{hidden:5}{pair.ours * 1e3:10.2f}{pair.theirs * 1e3:9.2f}{pair.ratio - 1:+8.1%}"
                f"  {pair.low - 1:+.1%} to {pair.high - 1:+.1%}"
            )
    content = {
        "machine": machine.describe(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "shape": {"T": T, "N": N},
        "rows": rows,
    }
    RESULT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.5)
