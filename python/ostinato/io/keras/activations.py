"""Activations of Keras and those of a network: the same only where their numbers were compared."""

from __future__ import annotations

from typing import Any, Final

COMPARED: Final = {
    "elu": "elu",
    "gelu": "gelu",
    "identity": "linear",
    "leaky_relu": "leaky_relu(0.01)",
    "log_softmax": "log_softmax",
    "relu": "relu",
    "sigmoid": "sigmoid",
    "silu": "silu",
    "softmax": "softmax",
    "softplus": "softplus",
    "tanh": "tanh",
}
"""The name in a file of Keras of each activation here. gelu is the exact one on both sides, and elu has the
alpha 1."""

LEAKY: Final = "leaky_relu({})"
SLOPE: Final = 0.2
"""Of `leaky_relu` in Keras; here it is 0.01."""


def here(name: str) -> str:
    """The name in Keras of an activation of a network; for one that was not compared, a name of no other."""
    return COMPARED.get(name, f"{name} of ostinato")


def in_file(given: Any) -> str:
    """The name of an activation in a description: a text, or an object with a class and options."""
    if given is None:
        return "linear"
    if isinstance(given, str):
        return LEAKY.format(SLOPE) if given == "leaky_relu" else given
    kind, options = str(given["class_name"]), given["config"]
    if kind == "LeakyReLU" and str(given.get("module")) == "keras.layers":
        return LEAKY.format(float(options["negative_slope"]))
    return f"{kind} {options}" if isinstance(options, str) else f"a layer {kind}"
