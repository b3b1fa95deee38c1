"""Recurrences that run as scans, compared with an LSTM of the same width: `python benches/scan.py`."""

from __future__ import annotations

import argparse

import numpy as np
from timing import alternate

import ostinato as ost

CELLS = ["diagonal_ssm", "diagonal_ssm, modes=H", "min_gru", "min_lstm", "indrnn", "linear_ssm"]


def main() -> None:
    """Measures and prints."""
    arguments = _arguments()
    ost.set_num_threads(arguments.threads)
    rows, steps = arguments.rows, arguments.steps
    print(f"T = {steps}, N = {rows}, {arguments.threads} thread(s), float32; training step and inference")
    print(f"{'':24}{'H':>5}{'ms':>9}{'LSTM ms':>9}{'times':>7}  {'95 %':13}{'inference':>10}")
    for hidden in arguments.sizes:
        lstm = ost.LSTM(hidden, hidden)
        for name in arguments.cells:
            options = {"modes": hidden} if name.endswith("modes=H") else {}
            net = ost.Recurrent(name.partition(",")[0], hidden, hidden, **options)
            rng = np.random.default_rng(0)
            x = rng.normal(size=(rows, steps, hidden)).astype("float32")
            target = rng.normal(size=(rows, steps, hidden)).astype("float32")
            train = alternate(
                lambda net=net, x=x, y=target: net.value_and_grad(x, y, loss="mse"),
                lambda lstm=lstm, x=x, y=target: lstm.value_and_grad(x, y, loss="mse"),
                arguments.seconds,
                least=3,
            )
            infer = alternate(
                lambda net=net, x=x: net.run(x),
                lambda lstm=lstm, x=x: lstm.run(x),
                arguments.seconds / 2,
                least=3,
            )
            interval = f"{train.low:.2f}-{train.high:.2f}"
            print(
                f"{name:24}{hidden:5}{1e3 * train.ours:9.1f}{1e3 * train.theirs:9.1f}{train.ratio:6.2f}x  "
                f"{interval:13}{infer.ratio:9.2f}x",
                flush=True,
            )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4096, help="T")
    parser.add_argument("--rows", type=int, default=16, help="N")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[64, 128, 256, 512], help="H, also the input's"
    )
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS[:3])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each pair")
    return parser.parse_args()


if __name__ == "__main__":
    main()
