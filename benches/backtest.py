"""Seconds of a backtest: 1,000 origins of one series, 18 steps, two layers of 40 units.

python benches/backtest.py
"""

from __future__ import annotations

import time

import numpy as np

import ostinato as ost

STEPS, ORIGINS = 240, 1000


def main() -> None:
    """Print the best of five runs for each method."""
    rng, t = np.random.default_rng(0), np.arange(STEPS + ORIGINS)
    y = 20 + 3 * np.sin(2 * np.pi * t / 12) + rng.normal(size=len(t))
    for method in ("direct", "auto", "recursive"):
        model = ost.Forecaster(horizon=18, season=12, max_iter=1, random_state=0, method=method)
        model.fit([y[:STEPS]])
        seconds = []
        for _ in range(5):
            begun = time.perf_counter()
            model.backtest([y[STEPS:]])
            seconds.append(time.perf_counter() - begun)
        print(f"{method}: {min(seconds):.3f} s", flush=True)


if __name__ == "__main__":
    main()
