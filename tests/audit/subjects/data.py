"""Calls of `ostinato.data`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import data as ost_data
from tests.audit.form import Call, Refused
from tests.audit.subjects.shared import LENGTHS, X, Y, net
from tests.audit.subjects.trainer import OF_DATA, pair


def batches(**options: Any) -> Any:
    arguments = {"x": X, "targets": Y, "batch_size": 4, **options}
    made = ost_data.Batches(**arguments)
    fields = ("x", "targets", "lengths", "weights", "mask", "places", "axes")
    return [[getattr(one, name) for name in fields] for one in (*made, *made)]


DATA = [
    Call(
        "data.Batches",
        ost_data.Batches,
        batches,
        {
            **OF_DATA,
            "max_steps": pair("max_steps", None, 5),
            "pool": pair("pool", 50, 1, lengths=LENGTHS, batch_size=2, shuffle=False),
            "per": ({"targets": Y}, {"targets": Y, "per": "sequence"}),
            "net": Refused({"net": net(batch_first=False)}, "make it with batch_first=True"),
        },
    ),
    Call(
        "data.ByLength",
        ost_data.ByLength,
        lambda **o: ost_data.ByLength(**{"batch_size": 2, **o})(LENGTHS[:5]),
        {"max_steps": pair("max_steps", None, 5), "pool": pair("pool", 1, None)},
    ),
    Call(
        "data.Streams",
        ost_data.Streams,
        lambda **o: [
            (one.x, one.targets)
            for one in ost_data.Streams(**{"ids": np.arange(20), "rows": 2, "steps": 3, **o})
        ],
        {"ids": pair("ids", np.arange(20), np.arange(10))},
    ),
    Call(
        "data.pack",
        ost_data.pack,
        lambda **o: _packed(**o),
        {"x": pair("x", X, -X), "lengths": pair("lengths", None, LENGTHS)},
    ),
]


def _packed(**options: Any) -> Any:
    one = ost_data.pack(**{"x": X, **options})
    return one.data, one.batch_sizes, one.sorted_indices
