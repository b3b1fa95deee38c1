"""The base class of callbacks: plugins of a run that have a name and options."""

from __future__ import annotations

from typing import ClassVar

from ostinato.options import Configured


class Callback(Configured):
    """A plugin of a run. Derive from it, and write methods that are hooks, marked with `ostinato.hookimpl`.

    A state that changes during a run belongs into `ostinato_save` and `ostinato_load`: without them, a
    resumed run differs. Register it with the hook `ostinato_callbacks`, or with `ostinato.register`; then
    `Trainer(..., callbacks=["its_name"])` makes one for this run.
    """

    kind: ClassVar[str] = "callback"
