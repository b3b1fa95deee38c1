"""`load`: an ONNX file as a network."""

from __future__ import annotations

import os
from typing import Any

import onnx
from onnx import numpy_helper

from ostinato import FormatError
from ostinato_onnx.model_file import KEY, ModelFile


def read(path: str | os.PathLike[str]) -> onnx.ModelProto:
    """The content of an ONNX file. Raises FormatError for another file, OSError."""
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


def load(path: str | os.PathLike[str]) -> Any:
    """The network of an ONNX file that `export` wrote, with its parameters and metadata.

    Raises FormatError for another file, OSError.
    """
    model = read(path)
    header = next((one.value for one in model.metadata_props if one.key == KEY), None)
    if header is None:
        raise FormatError(f"{os.fspath(path)} was not written by ostinato_onnx.export")
    arrays = {
        one.name: numpy_helper.to_array(one)
        for one in model.graph.initializer
        if not one.name.startswith("/")
    }
    return ModelFile(header, arrays).network()
