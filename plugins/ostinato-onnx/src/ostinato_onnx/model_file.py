"""An ostinato model file in parts: its header, a text, and its tensors. The container is safetensors.

The header stays as it is, so a file that is put together again has the bytes that `net.save` wrote.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ostinato as ost
from ostinato import FormatError

KEY = "ostinato.header"
"""The key of the header in the metadata of an ONNX file."""

_TYPES = {"F32": "<f4", "F64": "<f8"}


@dataclass(frozen=True)
class ModelFile:
    """The header of a model file, and its tensors by name."""

    header: str
    arrays: Mapping[str, NDArray[Any]]

    @classmethod
    def of(cls, net: ost.Network) -> ModelFile:
        """The file that `net.save` writes."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.safetensors")
            net.save(path)
            data = path.read_bytes()
        end = 8 + int.from_bytes(data[:8], "little")
        header = data[8:end].decode()
        arrays = {}
        for name, (kind, shape, start, stop) in _entries(header).items():
            arrays[name] = np.frombuffer(data[end + start : end + stop], kind).reshape(shape)
        return cls(header, arrays)

    @property
    def texts(self) -> dict[str, str]:
        """The texts of the file by key."""
        made: dict[str, str] = json.loads(self.header)["__metadata__"]
        return made

    def network(self) -> Any:
        """The network of the file. Raises FormatError if header and tensors do not belong together."""
        parts = []
        try:
            entries = _entries(self.header)
            for name, (kind, shape, start, _) in sorted(entries.items(), key=lambda entry: entry[1][2]):
                array = self.arrays[name]
                if array.shape != shape or array.dtype != np.dtype(kind):
                    raise FormatError(
                        f"the initializer {name!r} is {array.dtype} {array.shape}; expected {kind} {shape}, "
                        "as the file's own description says"
                    )
                parts.append((start, np.ascontiguousarray(array, kind).tobytes()))
        except (KeyError, ValueError, TypeError) as error:
            if isinstance(error, FormatError):
                raise
            raise FormatError(f"the description of the ONNX file is damaged: {error!r}") from error
        header = self.header.encode()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.safetensors")
            path.write_bytes(len(header).to_bytes(8, "little") + header + b"".join(part for _, part in parts))
            return ost.load(os.fspath(path))


def _entries(header: str) -> dict[str, tuple[str, tuple[int, ...], int, int]]:
    """Type, shape, start and stop of each tensor."""
    entries = json.loads(header)
    entries.pop("__metadata__", None)
    return {
        name: (_TYPES[entry["dtype"]], tuple(entry["shape"]), *entry["data_offsets"])
        for name, entry in entries.items()
    }
