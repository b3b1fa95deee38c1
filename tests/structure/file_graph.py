"""Circles and levels in a graph of files, whatever language they are written in.

A graph maps each file to the files that it uses. Two files are on one circle if each reaches the other.
"""

from __future__ import annotations


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The circles of the graph, each sorted, largest first. A file that uses itself is a circle of one file.

    Strongly connected components. Source: Tarjan 1972, "Depth-first search and linear graph algorithms".
    """
    found = [sorted(one) for one in _components(graph) if len(one) > 1 or one[0] in graph.get(one[0], ())]
    return sorted(found, key=lambda one: (-len(one), one))


def levels(graph: dict[str, set[str]]) -> list[list[str]]:
    """Files by level, lowest first: a file stands one level above the highest file that it uses.

    The files of a circle share a level.
    """
    level: dict[str, int] = {}
    for component in _components(graph):  # What a component uses comes before it.
        below = {used for file in component for used in graph.get(file, ())} - set(component)
        level.update(dict.fromkeys(component, 1 + max((level[used] for used in below), default=-1)))
    rows: list[list[str]] = [[] for _ in range(1 + max(level.values(), default=-1))]
    for file in sorted(level):
        rows[level[file]].append(file)
    return rows


def folders(graph: dict[str, set[str]]) -> list[str]:
    """The folders that hold the files, at every depth; "" is the top."""
    names = [file.split("/") for file in graph]
    return sorted({"/".join(one[:depth]) for one in names for depth in range(len(one))})


def entries(graph: dict[str, set[str]], folder: str) -> dict[str, set[str]]:
    """The graph of the files and the folders (`name/`) that lie directly in a folder.

    An entry uses another if a file in it does.
    """
    prefix = f"{folder}/" if folder else ""

    def entry(file: str) -> str:
        first, slash, _ = file.removeprefix(prefix).partition("/")
        return first + slash

    inside: dict[str, set[str]] = {}
    for file in (file for file in graph if file.startswith(prefix)):
        used = {entry(other) for other in graph[file] if other.startswith(prefix)}
        inside.setdefault(entry(file), set()).update(used - {entry(file)})
    return inside


def show(graph: dict[str, set[str]]) -> str:
    """The levels as text, one line a level, and then the circles."""
    lines = [f"{n:3}  {' '.join(row)}" for n, row in enumerate(levels(graph))]
    return "\n".join([*lines, *(f"circle: {' '.join(one)}" for one in circles(graph))])


def _components(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components; each comes after those that it uses."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_files: list[str] = []
    done: set[str] = set()
    components: list[list[str]] = []
    for root in sorted({*graph, *(used for uses in graph.values() for used in uses)}):
        if root in number:
            continue
        number[root] = lowest[root] = len(number)
        open_files.append(root)
        # A stack of its own: a chain of imports may be longer than Python's.
        path = [(root, iter(sorted(graph.get(root, ()))))]
        while path:
            file, rest = path[-1]
            used = next(rest, None)
            if used is None:
                path.pop()
                if path:
                    lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[file])
                if lowest[file] == number[file]:
                    at = open_files.index(file)
                    components.append(open_files[at:])
                    done.update(open_files[at:])
                    del open_files[at:]
            elif used not in number:
                number[used] = lowest[used] = len(number)
                open_files.append(used)
                path.append((used, iter(sorted(graph.get(used, ())))))
            elif used not in done:
                lowest[file] = min(lowest[file], number[used])
    return components
