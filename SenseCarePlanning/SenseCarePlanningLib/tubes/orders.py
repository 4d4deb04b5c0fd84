"""Branch orders: generation counts from the root, Strahler and Horsfield count from the tips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def parents_first(children: Mapping[int, Sequence[int]], root: int) -> list[int]:
    """Return all branches below ``root``, parents before children."""
    found = [root]
    for current in found:
        found.extend(children[current])
    return found


def generations(children: Mapping[int, Sequence[int]], root: int) -> dict[int, int]:
    """Return the generation of each branch: 0 for the root, one more at each true bifurcation.

    A single child continues its parent and keeps the parent's generation.
    """
    found = {root: 0}
    for current in parents_first(children, root):
        step = 1 if len(children[current]) > 1 else 0
        for child in children[current]:
            found[child] = found[current] + step
    return found


def strahler_orders(children: Mapping[int, Sequence[int]], root: int) -> dict[int, int]:
    """Return Strahler orders: a tip is 1; the order rises by one where two children share the highest order.

    Reference: Strahler 1957, Trans. Am. Geophys. Union 38(6).
    """
    found: dict[int, int] = {}
    for current in reversed(parents_first(children, root)):
        orders = sorted((found[child] for child in children[current]), reverse=True)
        if not orders:
            found[current] = 1
        elif len(orders) > 1 and orders[0] == orders[1]:
            found[current] = orders[0] + 1
        else:
            found[current] = orders[0]
    return found


def horsfield_orders(children: Mapping[int, Sequence[int]], root: int) -> dict[int, int]:
    """Return Horsfield orders: a tip is 1; a parent is one more than its highest child.

    A single child continues its parent and keeps the order. Orders as in Horsfield 1982, J. Appl. Physiol. 52:21.
    """
    found: dict[int, int] = {}
    for current in reversed(parents_first(children, root)):
        orders = [found[child] for child in children[current]]
        found[current] = 1 if not orders else max(orders) + (1 if len(orders) > 1 else 0)
    return found
