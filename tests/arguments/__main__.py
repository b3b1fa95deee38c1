"""Every public entry with every wrong value: `python -m tests.arguments [part of a path]`."""

from __future__ import annotations

import collections
import os
import sys
import tempfile

from tests.arguments.judge import quiet, trouble
from tests.arguments.surface import entries
from tests.arguments.values import VALUES


def main() -> int:
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    calls, found = 0, collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with quiet():
            all_entries = entries()
        for entry in all_entries:
            if part not in entry.path:
                continue
            print(f"{entry.path} ...", file=sys.stderr, flush=True)
            for one in entry.parameters:
                for label, make in VALUES.items():
                    calls += 1
                    said = trouble(entry, one.name, make)
                    if said:
                        found[entry.path, one.name, said.split(":")[0]].append(f"{label} -> {said}")
    for (path, name, kind), said in found.items():
        print(f"{path}({name}=): {kind} {len(said)}")
        for line in said[:4]:
            print(f"    {line}"[:260])
    counts = collections.Counter()
    for (_, _, kind), said in found.items():
        counts[kind] += len(said)
    print(f"{calls} calls of {len(all_entries)} entries: {dict(counts) or 'no trouble'}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
