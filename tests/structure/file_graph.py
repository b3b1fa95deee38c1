"""Graphs of files, as a dictionary: a file, and the files that it uses."""


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of files that use each other, directly or through others."""
    groups = []
    found: set[str] = set()
    used = {file: _reached(graph, file) for file in graph}
    for file in sorted(graph):
        if file in used[file] and file not in found:
            group = sorted(other for other in used[file] if file in used.get(other, set()))
            found.update(group)
            groups.append(group)
    return groups


def levels(graph: dict[str, set[str]]) -> list[list[str]]:
    """The files from the bottom up: a file uses files of lower levels only, or of its own circle."""
    group = {file: (file,) for file in graph.keys() | set().union(*graph.values())}
    for circle in circles(graph):
        group.update(dict.fromkeys(circle, tuple(circle)))
    below = {files: set() for files in group.values()}
    for file, used in graph.items():
        below[group[file]] |= {group[other] for other in used} - {group[file]}
    ordered: list[list[str]] = []
    while below:
        ready = [files for files, others in below.items() if not others & below.keys()]
        ordered.append(sorted(file for files in ready for file in files))
        for files in ready:
            del below[files]
    return ordered


def _reached(graph: dict[str, set[str]], start: str) -> set[str]:
    """What `start` uses, directly or through others."""
    reached: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        file = waiting.pop()
        if file not in reached:
            reached.add(file)
            waiting.extend(graph.get(file, ()))
    return reached
