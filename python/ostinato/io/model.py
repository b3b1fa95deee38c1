"""`save` and `load`: one model, one file."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, Final

from ostinato import _core
from ostinato.errors import ConfigError, DTypeError, FormatError, ShapeError, TraceError
from ostinato.io.record import Programs
from ostinato.io.strict import Record, parse
from ostinato.network.check import DTYPES
from ostinato.network.network import Network

KEY: Final = "ostinato.model"
"""The metadata key that holds the description."""

FORMAT_VERSION: Final = 1
"""Counts up with every change that an older reader would misunderstand; old files stay readable."""


def save(net: Network, path: str | os.PathLike[str]) -> None:
    """Writes `net` to `path`: beside it first, then renamed, so that the file is whole or as it was.

    Raises OSError.
    """
    if not isinstance(net, Network):
        raise DTypeError(f"net is a {type(net).__name__}; expected a Network")
    programs = Programs(net.dtype.name)
    network = net._record(programs)
    description = {
        "format_version": FORMAT_VERSION,
        "ostinato": _core.__version__,
        "dtype": net.dtype.name,
        "network": network,
        "programs": programs.texts,
        **({"noise_calls": net.noise_calls} if net.noise_calls else {}),
    }
    text = json.dumps(description, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    _core.save_model(_text_path(path), {KEY: text}, list(net.parameters().items()))


def load(path: str | os.PathLike[str]) -> Network:
    """The network in a model file: the same make, names and bits. No plugin is imported.

    Raises OSError when the file cannot be read, FormatError for whatever is not exactly as `save` writes it.
    """
    metadata, tensors = _core.load_model(_text_path(path))
    if set(metadata) != {KEY}:
        raise FormatError(
            f"{path}: the metadata keys are {sorted(metadata)}; expected {KEY!r}, so this is no model"
        )
    try:
        return _read(metadata[KEY], tensors)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    except (ShapeError, DTypeError, ConfigError, TraceError, RecursionError) as error:
        # Each part is sound, but they do not fit together.
        raise FormatError(f"{path}: the description contradicts itself: {error}") from error


def _read(text: str, tensors: dict[str, Any]) -> Network:
    record = Record(parse(text), "model")
    version = record.whole("format_version")
    if version != FORMAT_VERSION:
        raise FormatError(
            f"format_version is {version}; this release reads {FORMAT_VERSION}. A newer one wrote it"
        )
    record.text("ostinato")
    dtype = record.text("dtype")
    if dtype not in DTYPES:
        raise record.error(f"the dtype {dtype!r}")
    elements = sum(math.prod(tensor.shape) for tensor in tensors.values())
    programs = Programs(dtype, record.items("programs"), elements)
    net = programs.network(record.inner("network"))
    if record.has("noise_calls"):
        net.noise_calls = record.whole("noise_calls")
    record.done()
    for name, tensor in tensors.items():
        if tensor.dtype.name != dtype:
            raise FormatError(f"tensor {name!r} has dtype {tensor.dtype}; expected {dtype}")
    net.load_state_dict(tensors)
    net.plans()  # a program that cannot be planned is a damaged file now, not a surprise at the first run
    return net


def _text_path(path: Any) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise DTypeError(f"path is {path!r}; expected a text or a Path")
    return os.fspath(Path(path))
