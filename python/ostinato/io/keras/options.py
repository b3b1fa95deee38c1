"""The options of layers in a file: each is used, noted, refused, or changes no output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ostinato.errors import FormatError, shown

USED: Final = ("activation", "recurrent_activation", "reset_after", "layer", "backward_layer", "name")
FROM_ARRAYS: Final = ("units", "input_dim", "output_dim", "use_bias")
"""The arrays say them too."""

NO_OUTPUT: Final = (
    *("trainable", "seed", "unroll", "implementation", "unit_forget_bias", "zero_output_for_mask"),
    *("batch_input_shape", "input_length"),
)
NO_OUTPUT_ENDINGS: Final = ("_initializer", "_regularizer", "_constraint")
"""They change how a model starts, trains or computes, or steps after the end of a row; no output."""

WITHOUT_EFFECT: Final = frozenset(
    {
        *("ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"),
        *("SpatialDropout1D", "Concatenate"),
    }
)
"""Layers without weights that change nothing after training; what a Concatenate joins is compared."""

REFUSED: Final = {"time_major": False, "merge_mode": "concat", "quantization_config": None}
"""The only value of each option that is read; `go_backwards` depends on the direction."""

NOTED: Final = {
    "mask_zero": (False, "which makes id 0 padding; call the network with lengths"),
    "stateful": (False, "which starts a batch with the last state of the batch before; pass state= here"),
    "return_state": (False, "which returns the state too"),
    "dropout": (0, "which acts in training alone and is not copied"),
    "recurrent_dropout": (0, "which acts in training alone and is not copied"),
    "lora_rank": (None, "which acts in training alone; the file has the sum"),
    "lora_alpha": (None, "which acts in training alone; the file has the sum"),
}
"""The value that says nothing, and what another value does."""


def notes(place: str, options: Mapping[str, Any], backwards: bool = False) -> list[str]:
    """What the options do that the weights do not say. Raises FormatError for an option that none has here.

    place: the layer, for messages. backwards: whether it is the second one of a Bidirectional.
    """
    return list(_notes(place, options, backwards))


def _notes(place: str, options: Mapping[str, Any], backwards: bool) -> Iterator[str]:
    if options.get("go_backwards", backwards) != backwards:
        wanted = "True in the backward layer" if backwards else "a Bidirectional, or False"
        raise FormatError(f"{place} has go_backwards={options['go_backwards']}; expected {wanted}")
    for name, value in options.items():
        if name in REFUSED:
            if value != REFUSED[name]:
                raise FormatError(f"{place} has {name}={shown(value)}; expected {shown(REFUSED[name])}")
        elif name == "return_sequences":
            if value is False:
                yield "returns its last step alone"
        elif name == "dtype":
            kind = value if isinstance(value, str) else value["config"]["name"]
            if kind != "float32":
                yield f"computes in {kind}; the network computes in its own dtype"
        elif name in NOTED:
            if value != NOTED[name][0]:
                yield f"has {name}={shown(value)}, {NOTED[name][1]}"
        elif not _known(name) and value:
            yield f"has {name}={shown(value)}, which is not compared"


def _known(name: str) -> bool:
    return name in (*USED, *FROM_ARRAYS, *NO_OUTPUT, "go_backwards") or name.endswith(NO_OUTPUT_ENDINGS)
