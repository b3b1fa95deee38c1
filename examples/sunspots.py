"""One-step forecasts of the yearly number of sunspots, compared with a linear regression on 12 years.

The data is that of statsmodels (`pip install --no-deps statsmodels==0.15.0`; it is read, not imported).

    python examples/sunspots.py

--dev leaves the test years alone: it trains up to 1880 and measures 1881 to 1920.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
from pathlib import Path

import numpy as np

import ostinato as ost

VARIANCE = 1535.0
"""Of the whole series, as in the literature."""
OPTIONS = {
    "method": "recursive",
    "cell": "gru",
    "hidden_size": 16,
    "num_layers": 1,
    "max_iter": 200,
}


def read():
    """Years and numbers."""
    name = "statsmodels/datasets/sunspots/sunspots.csv"
    place = importlib.metadata.distribution("statsmodels").locate_file(name)
    rows = Path(str(place)).read_text(encoding="utf-8").replace('"', "").split()[1:]
    years, numbers = np.array([row.split(",") for row in rows], float).T
    return years.astype(int), numbers


def autoregression(history, future, order=12):
    """One-step forecasts of a linear regression on the last `order` values, by least squares."""
    whole = np.concatenate([history, future])
    lags = np.array([[1.0, *whole[n - order : n][::-1]] for n in range(order, len(whole))])
    known = len(history) - order
    weights = np.linalg.lstsq(lags[:known], history[order:], rcond=None)[0]
    return lags[known:] @ weights


def forecaster(history, future, seed, options):
    """Means of one-step forecasts; the model reads square roots, whose errors hardly depend on the level."""
    model = ost.Forecaster(horizon=1, season=1, random_state=seed, **options)
    model.fit([np.sqrt(history)])
    quantiles = model.backtest([np.sqrt(future)])[0][:-1, 0]
    return (quantiles**2).mean(axis=1)


def main():
    """Print the ARV of each span for each model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--options", default=json.dumps(OPTIONS), help="arguments of the Forecaster, as JSON")
    given = parser.parse_args()
    last, spans = (1880, ((1881, 1900), (1901, 1920))) if given.dev else (1920, ((1921, 1955), (1956, 1979)))
    years, numbers = read()
    future = (years > last) & (years <= spans[-1][1])

    def tell(name, forecasts):
        errors = (forecasts - numbers[future]) ** 2 / VARIANCE
        parts = [
            f"{first} to {end}: {errors[(years[future] >= first) & (years[future] <= end)].mean():.3f}"
            for first, end in spans
        ]
        print(f"{name}: ARV {', '.join(parts)}", flush=True)

    history = numbers[years <= last]
    tell("AR(12)", autoregression(history, numbers[future]))
    found = [
        forecaster(history, numbers[future], seed, json.loads(given.options)) for seed in range(given.seeds)
    ]
    for seed, forecasts in enumerate(found):
        tell(f"Forecaster, seed {seed}", forecasts)
    tell("mean of the forecasters", np.mean(found, axis=0))


if __name__ == "__main__":
    main()
