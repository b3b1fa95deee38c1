"""LSTM, GRU and light GRU, compared with PyTorch's: `make bench-quick`, under three minutes."""

from __future__ import annotations

from bench import Bench, compared, facts, title, work
from cases import QUICK_SHAPES, Case
from report import means

SECONDS = 2.5


def main() -> None:
    """Checks, measures, prints, writes results/quick.json."""
    bench = Bench(SECONDS)
    for kind in ("lstm", "gru", "ligru"):
        for shape in QUICK_SHAPES:
            case = Case.make(kind, shape)
            rival = compared(case)
            for training in (True, False):
                for threads in bench.threads:
                    bench.pair(
                        "quick", title(case, training), "torch", threads,
                        work(case, training), rival.work(training), **facts(case, training),
                    )  # fmt: skip
    bench.write("quick", "quick")
    print("\n".join(means(bench.rows)))


if __name__ == "__main__":
    main()
