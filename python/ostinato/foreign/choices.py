"""Names given as texts that other frameworks have: `loss="bce"`, `optimizer="rmsprop"`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_BINARY: Final = "write loss='binary_cross_entropy', which takes logits"

CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "loss": {
        "bce": _BINARY,
        "binary_crossentropy": _BINARY,
        "mean_squared_error": "write loss='mse'",
        "l2": "write loss='mse'",
        "sparse_categorical_crossentropy": "write loss='cross_entropy' with ids as targets",
        "categorical_crossentropy": "write loss='cross_entropy' with ids as targets: one_hot.argmax(-1)",
        "crossentropy": "write loss='cross_entropy'",
        "ce": "write loss='cross_entropy'",
        "nll": "write loss='cross_entropy', which takes logits",
        "nll_loss": "write loss='cross_entropy', which takes logits",
        "bce_with_logits": _BINARY,
        "mean_absolute_error": "write loss='mae'",
        "l1": "write loss='mae'",
        "smooth_l1": "write loss='huber'",
    },
    "optimizer": {
        "nadam": "write optimizer='adam'",
    },
    "metric": {
        "acc": "write metrics=['accuracy']",
        "ppl": "write metrics=['perplexity']",
        "bpc": "write metrics=['bits_per_character']",
        "mean_absolute_error": "write metrics=['mae']",
        "root_mean_squared_error": "write metrics=['rmse']",
        "f1_score": "write metrics=['f1']",
        "precision_score": "write metrics=['precision']",
        "recall_score": "write metrics=['recall']",
        "r2_score": "write metrics=['r2']",
    },
    "cell": {
        "simple_rnn": "write ost.RNN(input_size, hidden_size)",
        "elman": "write ost.RNN(input_size, hidden_size)",
    },
    "initializer": {
        "glorot_uniform": "write init='xavier_uniform'",
        "glorot_normal": "write init='xavier_normal'",
        "kaiming_uniform": "write init='he_uniform'",
        "kaiming_normal": "write init='he_normal'",
        "random_normal": "write init='scaled_normal'",
    },
    "schedule": {
        "reduce_lr_on_plateau": "write schedule='plateau'",
        "step_lr": "write schedule=ost.schedules.Step(every=10, factor=0.1)",
        "cosine_annealing": "write schedule='cosine'",
    },
}
