"""Where a way goes over from an artery into a vein that runs back beside it: what is surely the one, and surely the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray, unit

from .tube_graph import IntArray, TubeGraph, Way

STEP_MM, SMOOTH_MM = 0.5, 1.5
BESIDE_MM, OPPOSITE, LEAST_MM, APART_MM = 5.5, -0.75, 10.0, 4.0
"""A way runs back where it is this near to an earlier part of itself, with at most this cosine between both directions, over at
least such a length. Chosen: blood flows away from the ostium in all arteries, and a vein beside one carries it back; bends of
tortuous arteries are shorter. What is less apart along the way is one bend."""
AHEAD_MM, LEADS_MM = 10.0, 8.0
"""How much of a way beyond the turn, and of the ways before and after it, is looked at to tell what goes straight on."""
STRAIGHT_MM, FIRST_MM = 1.5, 1.0
"""What leaves a turn goes straight on where it lies no more aside on average; only past so much it is surely that tube."""


@dataclass(frozen=True, eq=False)
class TurnedBack:
    """Nodes on both sides of the place where a way goes over into a tube beside it."""

    artery: IntArray
    vein: IntArray


def turned_back(graph: TubeGraph, ways: Sequence[Way], number: int) -> TurnedBack | None:
    """Return the artery and the vein of a way that runs back beside itself; None for one that does not.

    What leaves the way at its turn belongs to the one of both that it runs straight on from, if to any.

    Parameters
    ----------
    ways
        Followed from one ostium, parents before children.
    number
        Of the way that is looked at.
    """
    nodes, own = _from_ostium(ways, number)
    arc = _arc(graph.places_mm[nodes])
    even = np.arange(0.0, arc[-1], STEP_MM)
    if len(even) * STEP_MM < LEAST_MM + APART_MM:
        return None
    line = np.stack([np.interp(even, arc, graph.places_mm[nodes][:, axis]) for axis in range(3)], axis=1)
    line = gaussian_filter1d(line, SMOOTH_MM / STEP_MM, axis=0, mode="nearest")
    beside = _beside(line, even >= arc[own])
    run = _first_run(beside >= 0, round(LEAST_MM / STEP_MM))
    if run is None:
        return None
    return _sides(graph, ways, nodes, float(even[beside[run]]), float(even[run]))


def _sides(graph: TubeGraph, ways: Sequence[Way], path: IntArray, low: float, high: float) -> TurnedBack:
    """Give what lies before and behind a part of a path, and what leaves it there, to the artery and the vein.

    Parameters
    ----------
    low, high
        Where along the path, mm, the artery ends and the vein begins.
    """
    places = graph.places_mm[path]
    arc = _arc(places)
    artery, vein = [path[arc <= low]], [path[arc >= high]]
    back, lead = places[(arc >= low - LEADS_MM) & (arc <= low)], places[(arc >= high) & (arc <= high + LEADS_MM)][::-1]
    if len(back) < 2 or len(lead) < 2:
        return TurnedBack(artery[0], vein[0])
    for branch in _leaving(ways, path, path[(arc >= low) & (arc <= high + 1.0)]):
        along = _arc(graph.places_mm[branch])
        first = graph.places_mm[branch][along <= AHEAD_MM]
        aside = _aside(back, first), _aside(lead, first)
        if min(aside) <= STRAIGHT_MM:
            (artery if aside[0] < aside[1] else vein).append(branch[along >= FIRST_MM])
    return TurnedBack(np.concatenate(artery), np.concatenate(vein))


def _leaving(ways: Sequence[Way], path: IntArray, turn: IntArray) -> list[IntArray]:
    """Return the nodes of what goes on from some nodes of a path without being part of it."""
    found = []
    for way in ways:
        off = np.flatnonzero(~np.isin(way.nodes, path))
        if len(off) and (way.parent_node if off[0] == 0 else way.nodes[off[0] - 1]) in turn:
            found.append(way.nodes[off[0] :])
    return found


def _aside(line: FloatArray, places_mm: FloatArray) -> float:
    """Return how far places lie aside of a line, run straight on, on average."""
    direction = unit(line[-1] - line[0])
    offset = places_mm - line.mean(axis=0)
    return float(np.linalg.norm(offset - (offset @ direction)[:, None] * direction, axis=1).mean())


def _arc(places_mm: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(places_mm, axis=0), axis=1))])


def _from_ostium(ways: Sequence[Way], number: int) -> tuple[IntArray, int]:
    """Return the nodes from the ostium to the end of a way, and where its own begin."""
    nodes, own, way = ways[number].nodes, 0, ways[number]
    while way.parent >= 0:
        above = ways[way.parent]
        at = np.flatnonzero(above.nodes == way.parent_node)
        lead = above.nodes[: int(at[0])] if len(at) else above.nodes[:0]
        nodes, own, way = np.concatenate([lead, nodes]), own + len(lead), above
    return nodes, own


def _beside(line: FloatArray, own: NDArray[np.bool_]) -> IntArray:
    """Return for each point (N,) of an even line the earlier point that it runs back beside, -1 for none."""
    along = unit(np.gradient(line, axis=0))
    tree = cKDTree(line)
    found = np.full(len(line), -1)
    apart = round(APART_MM / STEP_MM)
    for at in np.flatnonzero(own):
        near = np.array([one for one in tree.query_ball_point(line[at], BESIDE_MM) if one <= at - apart], dtype=int)
        near = near[along[near] @ along[at] <= OPPOSITE]
        if len(near):
            found[at] = near[np.argmin(np.linalg.norm(line[near] - line[at], axis=1))]
    return found


def _first_run(mask: NDArray[np.bool_], least: int) -> int | None:
    """Return where the first run of so many begins."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    for low, high in zip(edges[::2], edges[1::2], strict=True):
        if high - low >= least:
            return int(low)
    return None
