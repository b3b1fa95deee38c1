"""Inspects plugins by importing them in another process, which may hang or crash without harm.

The process prints the plugin that it is about to load, and at the end the report. If it is silent for too
long, or exits, the last plugin is the cause: that is recorded, and another process continues without it.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from typing import IO, Any, Final

from ostinato.errors import PluginError
from ostinato.plugins.entry import ReportRow
from ostinato.plugins.index import Found, discover
from ostinato.plugins.selection import VARIABLE, selection

SECONDS: Final = 10.0
"""The longest import of one plugin, by default."""

# Python and NumPy have to start before the first plugin is loaded; this is slow on a busy machine.
_START_SECONDS: Final = 120.0

# A module of the working directory must not replace a standard one: sys.path comes first.
_CHILD: Final = (
    "import sys; sys.path[:] = {path!r}; from ostinato.plugins.probe_child import main; main({skip!r})"
)


def probe(seconds: float = SECONDS) -> list[ReportRow]:
    """A row for each installed plugin, sorted by id; this process imports none of them.

    seconds: the longest import of one plugin. Raises ConfigError for a wrong OSTINATO_PLUGINS, PluginError if
    the other process cannot start.
    """
    selection()
    found = {one.provider.id: one for one in discover()}
    culprits: dict[str, str] = {}
    while True:
        rows, culprit, reason = _attempt(seconds, list(culprits))
        if rows is not None:
            break
        if culprit not in found or culprit in culprits:
            raise PluginError(f"plugins cannot be inspected: {reason}")
        culprits[culprit] = reason
    known = [row for row in rows if row.id not in culprits]
    known += [_culprit(found[id], reason) for id, reason in culprits.items()]
    return sorted(known, key=lambda row: row.id)


def _culprit(found: Found, reason: str) -> ReportRow:
    id = found.provider.id
    return found.row("broken", f"{reason}; {VARIABLE}=no:{id} disables it")


def _attempt(seconds: float, skip: list[str]) -> tuple[list[ReportRow] | None, str, str]:
    """The report, or else the plugin at fault and the reason."""
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    program = _CHILD.format(path=sys.path, skip=skip)
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
        )
        try:
            assert child.stdout is not None
            return _listen(child, child.stdout, errors, seconds)
        finally:
            # Threads of a plugin may still run in it.
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()


def _listen(
    child: subprocess.Popen[bytes], output: IO[bytes], errors: IO[bytes], seconds: float
) -> tuple[list[ReportRow] | None, str, str]:
    lines: queue.Queue[bytes] = queue.Queue()

    def read() -> None:
        for line in output:
            lines.put(line)
        lines.put(b"")

    threading.Thread(target=read, daemon=True).start()
    loading, allowed = "", _START_SECONDS
    while True:
        try:
            line = lines.get(timeout=allowed)
        except queue.Empty:
            return None, loading, f"its import did not end within {allowed:g} s"
        if not line:
            code = child.wait()
            ended = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            return None, loading, f"its import ended the process {ended}{_last_line(errors)}"
        said: dict[str, Any] = json.loads(line)
        if "loading" in said:
            loading, allowed = said["loading"], seconds
        else:
            return [_row(values) for values in said["rows"]], "", ""


def _row(values: dict[str, Any]) -> ReportRow:
    lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
    return ReportRow(**{**values, **lists})


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f" ({last[:200]})" if last else ""
