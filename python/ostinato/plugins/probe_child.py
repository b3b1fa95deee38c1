"""The process in which `probe.py` imports plugins."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from ostinato.plugins.index import discover
from ostinato.plugins.loader import load_all
from ostinato.plugins.selection import selection


def main(skip: list[str]) -> None:
    """Loads the installed plugins but those of `skip`; says what became of them, a JSON value a line."""
    # What plugins print must not stand between the lines.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, sys.stdout.fileno())

    def say(value: Any) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    found = [one for one in discover() if one.provider.id not in skip]
    loaded = load_all(found, selection(), lambda one: say({"loading": one.provider.id}))
    say({"rows": [one.row.as_json() for one in loaded]})
    # Without the clean-up of what plugins left behind.
    os._exit(0)
