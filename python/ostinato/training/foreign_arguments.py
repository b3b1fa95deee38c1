"""Arguments that other frameworks have for what a trainer takes by another name: hints for a ConfigError."""

from __future__ import annotations

from typing import Final

TRAINER_USAGE: Final = "write Trainer(net, loss='mse', optimizer=Adam(lr=1e-3), metrics=['rmse'])"
FIT_USAGE: Final = "write fit(x, targets, epochs=10, batch_size=32)"

_RATE: Final = "write optimizer=Adam(lr=...), and schedule= for a rate that changes"
_CLIP: Final = "write clip_norm=..., which limits the global norm"
_CALLBACKS: Final = (
    "write Trainer(net, loss=..., callbacks=[...]), with Progress() or EarlyStopping() among them"
)
_FIT: Final = "it is an argument of fit(x, targets, epochs=...)"

TRAINER: Final = {
    "loss_weights": "write loss={'mood': ost.weighted('cross_entropy', 0.3)}",
    "lr": _RATE,
    "learning_rate": _RATE,
    "scheduler": _RATE,
    "clipnorm": _CLIP,
    "max_grad_norm": _CLIP,
    "gradient_clip_val": _CLIP,
    "weights": f"{_FIT}; ost.weighted scales the loss of an output",
    "epochs": _FIT,
    "max_epochs": _FIT,
    "batch_size": _FIT,
    "validation": _FIT,
}
FIT: Final = {
    "x": "write the data as the first argument",
    "y": "write the targets as the second argument, or targets=",
    "validation_data": "write validation=(x, targets), or (x, targets, lengths)",
    "validation_split": "divide the data, and write validation=(x, targets)",
    "sample_weight": "write weights=, one number for each step, or for each row of an output of rows",
    "class_weight": "write weights=, such as weights=class_weights[labels]",
    "callbacks": _CALLBACKS,
    "verbose": "write progress=False for no lines; Progress() among the callbacks is a bar",
    "shuffle": "write Trainer(net, loss=..., strategies=[ost.strategies.AllRows(shuffle=False)])",
    "resets": "give a list of batches: fit([ost.Batch(x, targets, resets=resets)], epochs=...)",
}
EARLY_STOPPING: Final = {
    "monitor": "write EarlyStopping('val_loss'): the metric is the first argument",
    "restore_best_weights": "write restore_best=, which is True by default",
}
