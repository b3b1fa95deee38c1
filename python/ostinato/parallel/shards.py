"""Which rows each rank has, and the order in which numbers of shards are added.

A batch is divided into a fixed number of shards, which are added in a tree of pairs: ((0 + 1) + (2 + 3)). A
rank has neighboring shards, adds those that are neighbors in the tree, and sends the sums. So the result has
the same bits for any number of ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

V = TypeVar("V")

Node = tuple[int, int]
"""A sum in the tree: (level, place), of the shards from place * 2**level on, 2**level of them."""


def rows_of(shard: int, shards: int, rows: int) -> slice:
    """The rows of a shard; the first shard has rows if there are any."""
    return slice(-(-shard * rows // shards), -(-(shard + 1) * rows // shards))


def shards_of(rank: int, size: int, shards: int) -> range:
    """The shards of a rank."""
    return range(rank * shards // size, (rank + 1) * shards // size)


def nodes_of(own: range, shards: int) -> list[Node]:
    """The largest sums of the tree over some neighboring shards, in order."""
    top = max(shards - 1, 0).bit_length()

    def inside(node: Node) -> Iterable[Node]:
        first, last = _leaves(node, shards)
        if first >= last or last <= own.start or first >= own.stop:
            return
        if own.start <= first and last <= own.stop:
            yield node
        else:
            for child in _children(node):
                yield from inside(child)

    return list(inside((top, 0)))


def added(node: Node, known: Mapping[Node, V | None], shards: int, add: Callable[[V, V], V]) -> V | None:
    """The value of a sum: known, or the sum of its two parts; None where there is nothing to add."""
    if node in known:
        return known[node]
    first, last = _leaves(node, shards)
    if first >= last or node[0] == 0:
        return None
    left, right = (added(child, known, shards, add) for child in _children(node))
    if left is None or right is None:
        return right if left is None else left
    return add(left, right)


def root(shards: int) -> Node:
    """The sum of all shards."""
    return max(shards - 1, 0).bit_length(), 0


def _children(node: Node) -> tuple[Node, Node]:
    level, place = node
    return (level - 1, 2 * place), (level - 1, 2 * place + 1)


def _leaves(node: Node, shards: int) -> tuple[int, int]:
    level, place = node
    return place << level, min((place + 1) << level, shards)
