"""`read_tensors`: arrays of a safetensors file of any program, under the names of a network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final

from ostinato import checks
from ostinato.errors import ConfigError, FormatError, shown
from ostinato.io.other_files import explained
from ostinato.io.safetensors import HALF, Entry, SafetensorsFile
from ostinato.sequences.arrays import Array
from ostinato.suggest import item

SHOWN: Final = 12
"""Prefixes of a file that an error lists."""


class Tensors(Mapping[str, Array]):
    """Arrays by name, as `net.load_state_dict` takes them; `print` shows what was used of the file.

    used: the name in the file of each array. left_over: the names in the file under no prefix.
    converted: the names of the arrays that are float32 here and half precision in the file, which changes
    no number.
    """

    def __init__(self, path: str, chosen: Mapping[str, Entry], arrays: Mapping[str, Array], rest: list[str]):
        self._path, self._arrays = path, dict(arrays)
        self.used = {name: entry.name for name, entry in chosen.items()}
        self.left_over = tuple(rest)
        self.converted = tuple(name for name, entry in chosen.items() if entry.dtype in HALF)

    def __getitem__(self, name: str) -> Array:
        return item("tensor", self._arrays, name, places=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __str__(self) -> str:
        lines = [f"{self._path}: {len(self)} tensors used, {len(self.left_over)} left over"]
        for name, array in self.items():
            half = ", half precision in the file" if name in self.converted else ""
            lines.append(f"  {self.used[name]} -> {name}: {array.dtype} {array.shape}{half}")
        lines += [f"  {name} is left over" for name in self.left_over]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Tensors({self._path!r}, {len(self)} used, {len(self.left_over)} left over)"


def read_tensors(path: str | os.PathLike[str], *, prefix: str | Mapping[str, str] = "") -> Tensors:
    """The tensors of a safetensors file whose names start with a prefix, under their names without it.

    `net.load_state_dict(read_tensors("model.safetensors", prefix="encoder.rnn."))` copies the weights of a
    PyTorch RNN, LSTM, GRU, Linear or Embedding into the layer of that kind; it raises a ShapeError,
    DTypeError or ConfigError that names every missing, unexpected or misshapen array.

    Args:
        path: of the file, which any program may have written. Only the chosen tensors are read.
        prefix: a text; or a dict of prefixes in the file and what takes their place, such as
            `{"encoder.rnn.": "0.", "head.": "1."}` for a Sequential. The longest prefix that fits counts.

    Returns arrays in the number type of the file, half precision (F16, BF16) as float32.

    Raises OSError; FormatError for what is no safetensors file; ConfigError for a prefix without a tensor, or
    for two tensors of one name; DTypeError for an 8-bit float.
    """
    place = checks.path("read_tensors: path", path)
    given = {prefix: ""} if isinstance(prefix, str) else prefix
    expected = "a text, or a dict of texts by prefix"
    prefixes = dict(checks.mapping("read_tensors", "prefix", given, expected))
    for before, after in prefixes.items():
        checks.text("read_tensors", "prefix", before, empty=True)
        checks.text("read_tensors", f"prefix[{shown(before)}]", after, empty=True)
    try:
        file = SafetensorsFile.open(place)
    except FormatError as error:
        raise explained(place, error) from None
    chosen: dict[str, Entry] = {}
    rest = []
    unused = set(prefixes)
    for entry in file.entries:
        before = max((one for one in prefixes if entry.name.startswith(one)), key=len, default=None)
        if before is None:
            rest.append(entry.name)
            continue
        unused.discard(before)
        name = prefixes[before] + entry.name[len(before) :]
        if name in chosen:
            raise ConfigError(
                f"read_tensors: {shown(chosen[name].name)} and {shown(entry.name)} would both be "
                f"{shown(name)}; give each prefix a part of the network of its own"
            )
        chosen[name] = entry
    if unused:
        least = min(unused)
        if any(entry.name.startswith(least) for entry in file.entries):
            raise ConfigError(
                f"read_tensors: every tensor under {shown(least)} has a longer prefix in prefix; leave "
                f"{shown(least)} out"
            )
        raise ConfigError(
            f"read_tensors: prefix has {shown(least)}, with which no tensor of {place} starts; "
            f"{_prefixes(file)}"
        )
    return Tensors(place, chosen, {name: file.read(entry) for name, entry in chosen.items()}, rest)


def _prefixes(file: SafetensorsFile) -> str:
    """The prefixes that the file has, for a message."""
    found = list(dict.fromkeys(entry.name.rpartition(".")[0] + "." for entry in file.entries))
    names = ", ".join("''" if one == "." else shown(one) for one in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"the file has the prefixes {names}{more}" if found else "the file has no tensors"
