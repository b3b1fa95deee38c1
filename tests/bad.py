"""A row of the tables of bad calls, and its check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest


class Bad(NamedTuple):
    """A call, the error it raises, and what the message must hold."""

    call: Callable[[], Any]
    error: type[Exception]
    says: tuple[str, ...]

    def check(self) -> None:
        """Fails unless the call raises this error, with a message that says this and is no page."""
        with pytest.raises(self.error) as caught:
            self.call()
        for words in self.says:
            assert words in str(caught.value)
        assert len(str(caught.value)) < 500
