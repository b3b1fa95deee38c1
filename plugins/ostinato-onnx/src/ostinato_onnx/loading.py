"""`load`: an ONNX file as a network."""

from __future__ import annotations

import os
from typing import Any

import onnx
from onnx import numpy_helper

from ostinato import ConfigError, DTypeError, FormatError
from ostinato_onnx.importing import inside, recurrent
from ostinato_onnx.model_file import KEY, ModelFile


def read(path: str | os.PathLike[str]) -> onnx.ModelProto:
    """The content of an ONNX file. Raises FormatError for another file, DTypeError, OSError."""
    if not isinstance(path, (str, os.PathLike)):
        raise DTypeError(f"path is {path!r}; expected a text or a Path")
    with open(path, "rb") as file:
        data = file.read()
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:
        raise FormatError(f"{os.fspath(path)} is no ONNX file: {error}") from error
    if not model.graph.node:
        raise FormatError(f"{os.fspath(path)} is no ONNX file: it has no nodes")
    return model


def load(path: str | os.PathLike[str], *, node: str | None = None) -> Any:
    """The network of an ONNX file.

    A file that `export` wrote gives its network back, bit for bit, with its metadata. In a file of another
    program, the nodes RNN, GRU and LSTM become layers with their weights: all of them, if they are one after
    the other and there are no other layers, or the one called `node`. Their initial states are `state=` of a
    call, the lengths `lengths=`.

    Raises FormatError, with the name, for what a layer does not compute: clip, input_forget, other
    activations than the usual ones, weights that are computed or in another file; DTypeError for a path that
    is none; OSError.
    """
    model = read(path)
    for one in model.graph.initializer:
        inside(one)
    header = next((one.value for one in model.metadata_props if one.key == KEY), None)
    if header is None:
        return recurrent(model.graph, node)
    if node is not None:
        raise ConfigError(f"load: node is {node!r}; the file is ostinato's own and is read as a whole")
    arrays = {
        one.name: numpy_helper.to_array(one)
        for one in model.graph.initializer
        if not one.name.startswith("/")
    }
    return ModelFile(header, arrays).network()
