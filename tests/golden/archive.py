"""The golden file: two flat float64 arrays, `given` and `expected`, and a JSON index into them.

One array per tensor would spend more bytes on zip headers than on numbers.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from tests.golden.cases import Arrays, Case

FILE = Path(__file__).with_name("recurrent.npz")
_ARRAYS = ("x", "lengths", "d_outputs")
_GROUPS = ("state", "params", "d_final_state")


class _Flat:
    """Appends arrays to one flat list and remembers where."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self.length = 0

    def put(self, array: np.ndarray) -> list[Any]:
        place = [self.length, list(array.shape)]
        self.parts.append(np.asarray(array, dtype=np.float64).ravel())
        self.length += array.size
        return place

    def array(self) -> np.ndarray:
        return np.concatenate(self.parts)


def save(path: Path, seed: int, torch_version: str, cases: list[tuple[Case, Arrays]]) -> None:
    """Write the cases with their expected results to one compressed file."""
    given, results, index = _Flat(), _Flat(), []
    for case, expected in cases:
        entry: dict[str, Any] = {}
        for field in fields(Case):
            value = getattr(case, field.name)
            if value is None:
                entry[field.name] = None
            elif field.name in _ARRAYS:
                entry[field.name] = given.put(value)
            elif field.name in _GROUPS:
                entry[field.name] = {name: given.put(array) for name, array in value.items()}
            else:
                entry[field.name] = value
        index.append(
            {"case": entry, "expected": {name: results.put(array) for name, array in expected.items()}}
        )
    head = json.dumps({"seed": seed, "torch": torch_version, "cases": index})
    np.savez_compressed(
        path, head=np.frombuffer(head.encode(), np.uint8), given=given.array(), expected=results.array()
    )


def load(path: Path = FILE) -> list[tuple[Case, Arrays]]:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        head, given, results = json.loads(file["head"].tobytes()), file["given"], file["expected"]

    def get(flat: np.ndarray, place: list[Any]) -> np.ndarray:
        start, shape = place
        return flat[start : start + int(np.prod(shape))].reshape(shape).copy()

    cases = []
    for entry in head["cases"]:
        values = dict(entry["case"])
        for name in _ARRAYS:
            values[name] = None if values[name] is None else get(given, values[name])
        for name in _GROUPS:
            if values[name] is not None:
                values[name] = {key: get(given, place) for key, place in values[name].items()}
        if values["lengths"] is not None:
            values["lengths"] = values["lengths"].astype(np.int64)
        cases.append(
            (Case(**values), {name: get(results, place) for name, place in entry["expected"].items()})
        )
    return cases
