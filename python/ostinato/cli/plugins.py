"""Print what is installed: each plugin with its state and what it provides."""

from __future__ import annotations

import argparse

import ostinato.plugins


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No flags."""


def run(options: argparse.Namespace) -> None:
    """Prints a paragraph per plugin; works when some are broken."""
    for row in ostinato.plugins.report():
        print(f"{row.id} {row.version}  {row.status}" + (f": {row.reason}" if row.reason else ""))
        for name in row.provides:
            print(f"  {name}")
