"""Run the Python blocks of a Markdown page, in order, in one namespace: `python run_page.py PAGE`.

Without a page it answers each line it is given, a JSON object with `page`, `folder` and `out`, by the exit
code of a new process that runs the page in the folder and prints to the file `out`. So the package is
imported once for all pages.

A block with the tag `output` after a Python block holds exactly what that block prints; otherwise the exit
code is 1 and the difference is printed. A block with the tag `console` holds commands of `ostinato`,
each with what it prints, in which `...` stands for any text.
"""

import contextlib
import io
import json
import os
import re
import shlex
import sys
import traceback
import warnings
from pathlib import Path

from ostinato.cli import main as main_of_ostinato

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
        elif language == "console":
            for command in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                check_command(f"{page.name}, line {line}", command)
        elif language == "output":
            if printed is None or printed.rstrip() != body.rstrip():
                sys.exit(f"{page.name}, line {line}: the block before prints\n{printed}")
            printed = None


def check_command(place: str, text: str) -> None:
    """Runs the command of the first line (more with a backslash), and compares what it prints."""
    command, _, wanted = text.replace("\\\n", " ").partition("\n")
    program, *arguments = shlex.split(command)
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        code = main_of_ostinato(arguments) if program == "ostinato" else f"no program {program!r}"
    printed = out.getvalue().replace("\r\n", "\n").rstrip()
    pattern = ".*?".join(map(re.escape, wanted.rstrip().split("...")))
    if code != 0 or not re.fullmatch(pattern, printed, re.DOTALL):
        sys.exit(f"{place}: the exit code of {command!r} is {code}, and it prints\n{printed}")


def serve() -> None:
    """Answers lines until there are no more."""
    for line in sys.stdin:
        wanted = json.loads(line)
        child = os.fork()
        if child == 0:
            os.chdir(wanted["folder"])
            out = os.open(wanted["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1)
            os.dup2(out, 2)
            try:
                main(Path(wanted["page"]))
            except SystemExit as end:
                print(end, file=sys.stderr)
                leave(1)
            except BaseException:
                traceback.print_exc()
                leave(1)
            leave(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def leave(code: int) -> None:
    """Ends a child, which shares what the parent does at its end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(Path(sys.argv[1])) if sys.argv[1:] else serve()
