"""Names that other frameworks give to what a network does here by another: words for an AttributeError."""

from __future__ import annotations

from typing import Final

_RUN: Final = "net(x), or net.run(x) for the final state too"
_MODE: Final = "there is no mode to switch: run(x, training=True) regularizes, run(x) does not"
_TRAINER: Final = "use ostinato.Trainer(net, loss=...).fit(x, targets, epochs=...)"
_PLACE: Final = "networks are on the CPU; a layer takes dtype= when it is made"
_GRADIENTS: Final = "gradients are what value_and_grad, or run(x, training=True).backward(d_outputs), returns"

_TRAINABLE: Final = (
    "use freeze('0.*') and unfreeze('0.*') with names or patterns of parameters, or without any for all; "
    "the property frozen has the names"
)

FOREIGN_NAMES: Final = {
    "forward": f"use {_RUN}",
    "predict": f"use {_RUN}",
    "transform": f"use {_RUN}",
    "train": _MODE,
    "eval": _MODE,
    "fit": _TRAINER,
    "compile": _TRAINER,
    "evaluate": "use ostinato.Trainer(net, loss=...).evaluate(x, targets)",
    "backward": _GRADIENTS,
    "zero_grad": _GRADIENTS,
    "grad": _GRADIENTS,
    "to": _PLACE,
    "cpu": _PLACE,
    "device": _PLACE,
    "cuda": _PLACE,
    "float": _PLACE,
    "double": _PLACE,
    "trainable": _TRAINABLE,
    "requires_grad": _TRAINABLE,
    "requires_grad_": _TRAINABLE,
    "trainable_weights": _TRAINABLE,
    "trainable_variables": _TRAINABLE,
    "training": _MODE,
    "stateful": "use run(x, state=run.final_state), which continues where a run ended",
    "dropout": "give a layer regularizers=[Dropout(p)] when it is made",
    "optimizer": _TRAINER,
    "loss": _TRAINER,
    "named_parameters": "use parameters(), a mapping of names to arrays",
    "get_weights": "use state_dict(), a dict of names to copies",
    "set_weights": "use load_state_dict(names_to_arrays)",
    "weights": "use parameters(), a mapping of names to arrays",
    "summary": "use print(net), or explain() for the plan",
    "clone": "use copy.deepcopy(net)",
}
