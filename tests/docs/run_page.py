"""Run the Python blocks of a Markdown page, in order, in one namespace: `python run_page.py PAGE`.

A block with the tag `output` after a Python block holds exactly what that block prints; otherwise the exit
code is 1 and the difference is printed.
"""

import contextlib
import io
import re
import sys
import warnings
from pathlib import Path

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main(page: Path) -> None:
    """Runs the page. Exits with a message if a block prints something else than the page shows."""
    text = page.read_text(encoding="utf-8")
    namespace = {"__name__": "example"}
    printed = None
    for fence in FENCE.finditer(text):
        language, body, line = fence[1], fence[2], text[: fence.start(2)].count("\n")
        if language == "python":
            # Leading newlines make the line numbers of a traceback those of the page.
            code = compile("\n" * line + body, page.name, "exec")
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(code, namespace)
            printed = out.getvalue()
        elif language == "output":
            if printed is None or printed.rstrip() != body.rstrip():
                sys.exit(f"{page.name}, line {line}: the block before prints\n{printed}")
            printed = None


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(Path(sys.argv[1]))
