"""Writes `state_space.json`: likelihoods and forecasts of statsmodels.

pip install statsmodels==0.15.0
python tests/golden/state_space.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FORMS = ((False, 1), (True, 1), (True, 4), (False, 4))
"""Trend and season."""
PLACE = Path(__file__).with_name("state_space.json")


def series() -> list[Any]:
    """A random walk with a season of four steps and noise, whole and with missing values, to six digits."""
    rng = np.random.default_rng(0)
    whole = 30 + rng.normal(size=60).cumsum() + np.tile([3.0, -1, -1, -1], 15) + rng.normal(size=60)
    whole = np.round(whole, 6)
    gaps = whole.copy()
    gaps[[17, 18, 40]] = np.nan
    return [whole, gaps]


def main() -> None:
    """Write the file."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    found = []
    for n, values in enumerate(series()):
        for trend, season in FORMS:
            model = UnobservedComponents(
                values, level="lltrend" if trend else "llevel", seasonal=season if season > 1 else None
            )
            # sigma2 of irregular, level, trend, seasonal; ours have the observations last
            given = [0.8, 0.5, *([0.1] if trend else []), *([0.2] if season > 1 else [])]
            fitted = model.fit(disp=0, maxiter=1000)
            found.append(
                {
                    "series": n,
                    "trend": trend,
                    "season": season,
                    "variances": [*given[1:], given[0]],
                    "log_likelihood": model.loglike(given),
                    "best": fitted.llf,
                    "forecast": fitted.forecast(6).tolist(),
                }
            )
    PLACE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
