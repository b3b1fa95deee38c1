"""Turns errors of a plugin's own code into a PluginError that names the plugin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ostinato.errors import OstinatoError, PluginError, described, shown
from ostinato.options import Configured
from ostinato.plugins.entry import Entry, Provider


@contextmanager
def blamed(*things: Configured) -> Iterator[None]:
    """Within it, an exception of a method of one of `things` becomes a PluginError that names its plugin.

    Errors of this package, which describe what is wrong with an equation, are unchanged; so are all errors of
    a built-in, or of an object that the user made without a plugin.
    """
    try:
        yield
    except OstinatoError:
        raise
    except Exception as error:
        trace = error.__traceback__
        culprit: Configured | None = None
        method, place = "", ""
        while trace is not None:
            frame = trace.tb_frame
            own = frame.f_locals.get("self")
            # The deepest method: its callers only propagate the error.
            if any(own is thing for thing in things):
                culprit, method = own, frame.f_code.co_name
                place = f"{os.path.basename(frame.f_code.co_filename)}:{trace.tb_lineno}"
            trace = trace.tb_next
        provider: Provider | None = None if culprit is None else culprit.provider
        if culprit is None or provider is None or not provider.is_foreign:
            raise
        raise _failure(
            f"{culprit.kind} {shown(culprit.name)}", provider, f"{method} ({place})", error
        ) from error


@contextmanager
def blamed_on(entry: Entry | None) -> Iterator[None]:
    """Within it, any exception becomes a PluginError that names the plugin of `entry`, if it is one."""
    try:
        yield
    except OstinatoError:
        raise
    except Exception as error:
        if entry is None or not entry.provider.is_foreign:
            raise
        raise _failure(f"{entry.kind} {shown(entry.full)}", entry.provider, "it", error) from error


def _failure(what: str, provider: Provider, where: str, error: Exception) -> PluginError:
    return PluginError(
        f"{what} of {provider.distribution} {provider.version} failed: {where} raises "
        f"{described(error)}. Report this to its authors, or use another one",
        plugin=provider.id,
    )
