"""Circles among definitions: what leads to itself, found without recursion, in linear time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

Node = TypeVar("Node")

_MOST_CIRCLES: Final = 20


def circles(starts: Iterable[Node], after: Callable[[Node], Iterable[Node]]) -> tuple[list[Node], list[list[Node]]]:
    """What is reached from some nodes, each behind those to which it leads; and circles, up to a number.

    A circle begins with the first of its nodes that was met. A node that is in a circle stands in the order, too.
    """
    order: list[Node] = []
    found: list[list[Node]] = []
    entered: set[Node] = set()
    for start in starts:
        if start in entered:
            continue
        entered.add(start)
        path = {start: iter(after(start))}
        while path:
            last = next(reversed(path))
            following = next(path[last], None)
            if following is None:
                del path[last]
                order.append(last)
            elif following in path and len(found) < _MOST_CIRCLES:
                nodes = list(path)
                found.append(nodes[nodes.index(following) :])
            elif following not in entered:
                entered.add(following)
                path[following] = iter(after(following))
    return order, found
