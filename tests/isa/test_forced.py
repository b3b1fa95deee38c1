"""The instruction set that OSTINATO_ISA names is in use: a typo there must not pass in silence."""

import os

from ostinato import _core


def test_the_forced_instruction_set_is_in_use():
    assert _core.instruction_set() == os.environ.get("OSTINATO_ISA", _core.instruction_set())
