"""Names of other frameworks for features of a trainer: hints for an AttributeError."""

from __future__ import annotations

from typing import Final

_CLIP: Final = "use Trainer(net, clip_norm=...), which limits the global norm"
_RATE: Final = "use Trainer(net, optimizer=Adam(lr=...)), and schedule= for a rate that changes"
_FIT: Final = "it is an argument of fit(x, targets, epochs=..., batch_size=..., validation=...)"
_CALLBACKS: Final = "use Trainer(net, callbacks=[...]), with Progress() or EarlyStopping() among them"

FOREIGN_NAMES: Final = {
    "clipnorm": _CLIP,
    "global_clipnorm": _CLIP,
    "clipvalue": f"there is no clipping by value; {_CLIP}",
    "max_grad_norm": _CLIP,
    "gradient_clip_val": _CLIP,
    "lr": _RATE,
    "learning_rate": _RATE,
    "scheduler": _RATE,
    "lr_scheduler": _RATE,
    "epochs": _FIT,
    "max_epochs": _FIT,
    "batch_size": _FIT,
    "validation_data": _FIT,
    "verbose": _CALLBACKS,
    "callbacks": _CALLBACKS,
    "model": "trainer.net is the network that Trainer(net, ...) was given",
    "train": "use fit(x, targets, epochs=...)",
    "predict": "call trainer.net with x, or use trainer.net.run(x).outputs",
}
