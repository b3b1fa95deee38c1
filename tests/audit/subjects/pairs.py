"""The estimators whose answers are sequences: `Seq2Seq` and `SequenceGenerator`."""

from __future__ import annotations

import contextlib
import io
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import ostinato as ost
from tests.audit.form import Call, Refused
from tests.audit.subjects.shared import once
from tests.audit.subjects.trainer import pair

RNG = np.random.default_rng(0)
TEXTS = ["".join(RNG.choice(list("abcd"), int(RNG.integers(2, 6)))) for _ in range(10)]
BACKWARDS = [one[::-1] for one in TEXTS]
SMALL: dict[str, Any] = {"hidden_size": 2, "embedding_size": 2, "max_iter": 1, "random_state": 0}


def fitted(kind: Any, **options: Any) -> Any:
    """What comes of a fit: losses, parameters, answers, lines that are printed."""
    given = dict(options)
    fits = given.pop("fits", 1)
    data = ([[0.5, 1.0]] * 8, [np.ones((2, 1))] * 8) if given.pop("numbers", False) else (TEXTS, BACKWARDS)
    if kind is ost.SequenceGenerator and isinstance(data[0][0], str):
        data = ([float(len(one)) for one in TEXTS], TEXTS)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()) as errors:
        if "checkpoint" in given:
            given["checkpoint"] = str(Path(folder) / given["checkpoint"])
        model = kind(**given)
        for _ in range(fits):
            model.fit(*data)
    return model.loss_curve_, model.network_.arena, model.predict(data[0][:4]), len(errors.getvalue())


def settings(kind: Any) -> dict[str, Any]:
    """The rows of what both have, and of what the base of all estimators has."""
    steps = {"max_iter": 8, "learning_rate_init": 0.02, "dropout": 0.0}
    return {
        "optimizer": pair("optimizer", "adam", "sgd", learning_rate_init=0.1),
        "learning_rate_init": pair("learning_rate_init", 0.1, 0.2),
        "schedule": pair("schedule", None, "auto"),
        "strategies": pair("strategies", [], ["scheduled_sampling"]),
        "clip_norm": pair("clip_norm", None, 0.01, optimizer="sgd", learning_rate_init=0.1),
        "max_iter": pair("max_iter", 1, 2),
        "batch_size": pair("batch_size", 2, 8),
        "early_stopping": pair("early_stopping", False, True),
        "validation_fraction": pair("validation_fraction", 0.1, 0.5, early_stopping=True),
        "n_iter_no_change": pair("n_iter_no_change", 1, 9, tol=1.0, max_iter=5),
        "tol": pair("tol", 0.0, 1e6, n_iter_no_change=1, **steps),
        "warm_start": pair("warm_start", False, True, fits=2),
        "random_state": pair("random_state", 0, 1),
        "verbose": pair("verbose", False, True),
        "n_jobs": Refused(-2, "n_jobs"),
        "checkpoint": Refused({"checkpoint": "x", "random_state": None}, "checkpoint"),
        "callbacks": Refused([3], "callbacks"),
        "level": pair("level", "character", "word"),
        "cell": pair("cell", "gru", "lstm"),
        "max_length": Refused(0, "max_length"),
        "beam_size": pair("beam_size", 1, 4, **steps),
        "dropout": pair("dropout", 0.0, 0.5),
        "hidden_size": pair("hidden_size", 2, 4),
        "num_layers": pair("num_layers", 1, 2),
        "embedding_size": pair("embedding_size", 2, 3),
    }


def predicted(**options: Any) -> Any:
    return MODEL.predict(options.pop("X", TEXTS[:4]), **options)


def sampled(**options: Any) -> Any:
    return GENERATOR.sample(options.pop("X", [2.0, 3.0, 4.0]), **{"seed": 1, **options})


MODEL = ost.Seq2Seq(encoder_layers=1, **SMALL).fit(TEXTS, BACKWARDS)
GENERATOR = ost.SequenceGenerator(**SMALL).fit([float(len(one)) for one in TEXTS], TEXTS)

PAIRS = [
    Call(
        "Seq2Seq",
        ost.Seq2Seq,
        once(ost.Seq2Seq, {**SMALL, "encoder_layers": 1}, partial(fitted, ost.Seq2Seq)),
        {
            **settings(ost.Seq2Seq),
            "attention": pair("attention", "additive", None),
            "query": pair("query", "before", "after"),
            "input_feeding": pair("input_feeding", True, False),
            "pointer": pair("pointer", True, False),
            "encoder_layers": pair("encoder_layers", 1, 2),
            "label_smoothing": pair("label_smoothing", 0.0, 0.3),
        },
    ),
    Call(
        "SequenceGenerator",
        ost.SequenceGenerator,
        once(ost.SequenceGenerator, SMALL, partial(fitted, ost.SequenceGenerator)),
        settings(ost.SequenceGenerator),
    ),
    Call(
        "Seq2Seq.predict",
        ost.Seq2Seq.predict,
        predicted,
        {"X": pair("X", TEXTS[:2], TEXTS[:3]), "beam_size": Refused(0, "beam_size")},
    ),
    Call(
        "SequenceGenerator.sample",
        ost.SequenceGenerator.sample,
        sampled,
        {
            "X": pair("X", [1.0, 2.0], [1.0, 2.0, 3.0]),
            "top_k": pair("top_k", 1, 4),
            "top_p": pair("top_p", 0.1, 1.0),
            "seed": pair("seed", 1, 2),
        },
    ),
]
