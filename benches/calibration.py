"""How well the probabilities of a classifier hold, without and with its temperature.

    python benches/calibration.py

Sequences of two kinds with wrong labels; the expected calibration error of the test rows, in 10 bins (Guo et
al. 2017, "On calibration of modern neural networks", eq. 3).
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import ostinato as ost

ROWS, WRONG = 2000, 0.2


def rows(seed: int) -> tuple[list[Any], Any]:
    """Noisy waves of two rates, 10 to 30 steps, and their labels, one in five of them wrong."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, ROWS)
    X = []
    for kind in y:
        steps = int(random.integers(10, 31))
        wave = np.sin(np.arange(steps) * (0.4 + 0.2 * kind) + random.uniform(0, 6))
        X.append((wave + random.normal(size=steps))[:, None])
    return X, np.where(random.random(ROWS) < WRONG, 1 - y, y)


def calibration_error(probabilities: Any, y: Any, bins: int = 10) -> float:
    """The mean difference of sureness and share of correct answers, over bins of sureness."""
    sure, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    places = np.minimum((sure * bins).astype(int), bins - 1)
    parts = [abs(float((sure - correct)[places == n].sum())) for n in range(bins)]
    return sum(parts) / len(y)


def main() -> None:
    """Prints the errors of each seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    print("seed  temperature  error without  error with")
    for seed in range(seeds):
        (X, y), (X_test, y_test) = rows(2 * seed), rows(2 * seed + 1)
        model = ost.SequenceClassifier(random_state=seed, max_iter=60).fit(X, y)
        after = calibration_error(model.predict_proba(X_test), y_test)
        found, model.temperature_ = model.temperature_, 1.0
        before = calibration_error(model.predict_proba(X_test), y_test)
        print(f"{seed:4}  {found:11.3f}  {before:13.4f}  {after:10.4f}")


if __name__ == "__main__":
    main()
