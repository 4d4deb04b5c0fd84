"""Arteries that go on behind a gap (an occlusion, a step of the scan, a faint stretch): joined, listed, never hidden."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm, unit
from SenseCarePlanningLib.progress import Progress

from .coronary_evidence import FAT_HU, LEAST_SHARE, Evidence
from .coronary_tracking import (
    LEAST_FILLING,
    METAL_MM,
    SURE_RISE,
    Followed,
    filling,
    follow_once,
    metal_gap_mm,
    tube_radius,
    vein_part,
)
from .stubs import stubs_before
from .tube_graph import CALCIUM_FROM, IntArray, TubeGraph, Way

SIDE_GAP_MM, END_GAP_MM = 5.0, 18.0
"""Longest gap from the side of an artery, and on from its end: an occlusion of 15 mm with its blurred ends."""
SIDE_CONE, END_CONE = 0.5, 0.7
"""Least cosine between the gap and the artery behind it, and, at an end, between the artery before it and the gap."""
ROOT_MM, ROOT_CONE, BLOOD_SHARE = 25.0, 0.2, 0.8
"""So near to the ostium a piece behind nothing but blood, at least so bright against fat, may set off more sideways: the
evidence of tubes breaks where a wide left main divides, while two walls dim the line to a vein. Chosen on one digital heart that
lost its LAD there."""
STEP_GAP_MM, STEP_CONE, STEP_BACK_MM = 3.0, 0.7, 1.5
"""Where two heart beats meet, an artery jumps aside by a millimetre or two. Its end and the beginning of the piece beside it
point the same way; the piece begins there and does not run on backward beside the artery, as a vein does."""
LEAST_VOXELS, LEAST_MM = 25, 7.0
"""What is smaller is no artery to be joined."""
TISSUE_HU = -25.0
"""An occluded artery is plaque and wall, not fat."""
DIRECTION_MM = 5.0
CALCIUM_BLUR_MM, LEAST_LUMEN = 1.2, 10
"""So far a spot of calcium shines beyond itself: two and a half standard deviations of a usual scan and its smoothing. So many
voxels of lumen are left beside it at least to tell a direction."""
LAST_NODES, END_NODES, AS_BRIGHT = 30, 6, 0.75
"""An artery that goes on close to the end of another (its last nodes) is as bright as that one's last part, but for noise and for
what it loses as it tapers: an artery of 1 mm has half of the brightness of a wide one after blur."""
MOST_LEAD_MM = 60.0
"""Beyond this distance from the ostium all that lies behind a gap is judged alike."""
WIDER = 1.35
"""An artery behind a gap is not wider than before it by more than this."""


@dataclass(frozen=True, eq=False)
class Bridged:
    """A gap that was joined: number of the first way behind it, its ends (2, 3) k, j, i times the spacing, and whether it goes on
    from the end of an artery, and there aside, as at a step of the scan."""

    way: int
    ends_mm: FloatArray
    at_end: bool
    step: bool = False

    @property
    def length_mm(self) -> float:
        """Distance between the ends."""
        return float(np.linalg.norm(self.ends_mm[1] - self.ends_mm[0]))


@dataclass(frozen=True, eq=False)
class _Offer:
    way: int
    node: int
    entry: int
    at_end: bool
    length_mm: float
    step: bool = False
    stub: Way | None = None
    in_blood: bool = False


def bridge(
    found: Followed, evidence: Evidence, taken: NDArray[np.bool_], progress: Progress | None = None
) -> tuple[Followed, list[Bridged]]:
    """Join pieces that lie on from an artery.

    Strategy: pieces of the graph that no way has reached, the nearest first; a piece is joined on from the end of an artery
    when the gap is in line with both and holds tissue, or beside its end when the gap is very short and the piece begins there in
    the artery's direction, or from the side of one when the gap is short, nearly as bright as a lumen and out of the reach of
    streaks of metal, or behind a stub that an artery leaves which is closed close to a fork; a piece that turns out a vein (wide
    far from the ostium, or dark, or parted from the arteries before) is left.

    Parameters
    ----------
    taken
        (N,) nodes that belong to an artery already; updated.
    progress
        May stop it.
    """
    progress = progress or Progress()
    graph = found.graph
    ways, radii = list(found.ways), list(found.radii)
    bridges: list[Bridged] = []
    _, piece = connected_components(graph.edges, directed=False)
    sizes = np.bincount(piece)
    home = set(np.unique(piece[np.concatenate([way.nodes for way in ways])]).tolist()) if ways else set()
    refused: set[int] = set(home) | set(np.unique(piece[taken]).tolist()) | set(np.unique(piece[found.beyond]).tolist())
    waiting = {int(one) for one in np.flatnonzero(sizes >= LEAST_VOXELS)} - refused
    order = np.argsort(piece, kind="stable")
    first = np.searchsorted(piece[order], np.arange(len(sizes) + 1))
    members = {one: order[first[one] : first[one + 1]] for one in waiting}
    members = {
        one: nodes
        for one, nodes in members.items()
        if graph.extent_mm(nodes) >= LEAST_MM and float(np.median(graph.rise[nodes])) >= SURE_RISE
    }
    offers: dict[int, _Offer] = {}
    free = np.isin(piece, list(home)) & ~taken
    free[found.beyond] = False
    seen = 0
    while members:
        progress.check()
        for one, nodes in members.items() if seen < len(ways) else ():
            new_offer = _offer(graph, evidence, ways, seen, nodes)
            if new_offer is not None and (one not in offers or new_offer.length_mm < offers[one].length_mm):
                offers[one] = new_offer
        seen = len(ways)
        if not offers:
            offers = _behind_stubs(graph, evidence, ways, free, members)
        if not offers:
            break
        one = min(offers, key=lambda number: offers[number].length_mm)
        offer = offers.pop(one)
        del members[one]
        before, before_mm = _before(graph, evidence, ways, radii, offer)
        least = _least_filling(graph, evidence, before, before_mm, offer)
        new, new_radii = follow_once(graph, evidence, np.array([offer.entry]), least, progress)
        if not new or not _fits(graph, ways, before, before_mm, offer, new, new_radii):
            continue
        start = len(ways)
        bridges.append(Bridged(start, graph.places_mm[[offer.node, offer.entry]], offer.at_end, offer.step))
        for number, way in enumerate(new):
            if number == 0 and offer.stub is not None:
                stub = offer.stub
                ways.append(Way(np.concatenate([stub.nodes, way.nodes]), stub.parent, stub.parent_node))
                radii.append(np.concatenate([before_mm[-len(stub.nodes) :], new_radii[0]]))
            elif number == 0:
                ways.append(Way(np.concatenate([[offer.node], way.nodes]), offer.way, offer.node))
                radii.append(np.concatenate([new_radii[0][:1], new_radii[0]]))
            else:
                ways.append(Way(way.nodes, start + max(way.parent, 0), way.parent_node if way.parent >= 0 else offer.entry))
                radii.append(new_radii[number])
            taken[way.nodes] = True
    return replace(found, ways=ways, radii=radii), bridges


def _before(
    graph: TubeGraph, evidence: Evidence, ways: list[Way], radii: list[FloatArray], offer: _Offer
) -> tuple[Way, FloatArray]:
    """Return the artery before a gap and its radius (N,) at its nodes.

    A stub that leaves an artery at its end is that artery's own end, which leads aside of it where plaque closes the lumen
    obliquely: how wide and bright the artery is, its part before tells, not a few voxels that plaque narrows.
    """
    if offer.stub is None:
        return ways[offer.way], radii[offer.way]
    stub, own_mm = offer.stub, tube_radius(evidence, graph.index[offer.stub.nodes])
    parent = ways[stub.parent]
    at = int(np.flatnonzero(parent.nodes == stub.parent_node)[0])
    if at < len(parent.nodes) - END_NODES:
        return stub, own_mm
    nodes = np.concatenate([parent.nodes[:at], stub.nodes])
    return Way(nodes, parent.parent, parent.parent_node), np.concatenate([radii[stub.parent][:at], own_mm])


def _behind_stubs(
    graph: TubeGraph, evidence: Evidence, ways: list[Way], free: NDArray[np.bool_], members: dict[int, IntArray]
) -> dict[int, _Offer]:
    """Return the nearest piece, with its offer, that goes on behind a stub, in line with it, behind tissue and out of reach of
    streaks of metal; empty for none."""
    offers: dict[int, _Offer] = {}
    for one, nodes in members.items():
        for stub, entry in stubs_before(graph, ways, free, nodes):
            end = int(stub.nodes[-1])
            if metal_gap_mm(evidence, graph.places_mm[[entry]])[0] < METAL_MM:
                continue
            if _in_line(graph, evidence, stub, len(stub.nodes) - 1, entry, nodes, True, END_CONE) and _filled(
                graph, evidence, end, entry, True
            ):
                gap = float(np.linalg.norm(graph.places_mm[entry] - graph.places_mm[end]))
                offers[one] = _Offer(stub.parent, end, entry, True, gap, stub=stub)
                break
    nearest = min(offers, key=lambda number: offers[number].length_mm, default=None)
    return {} if nearest is None else {nearest: offers[nearest]}


def _least_filling(graph: TubeGraph, evidence: Evidence, way: Way, radius_mm: FloatArray, offer: _Offer) -> float:
    """Return how bright an artery behind a gap is at least: close to an end, nearly as bright as the last part before it."""
    if offer.length_mm > STEP_GAP_MM or offer.node not in way.nodes[-END_NODES:]:
        return LEAST_FILLING
    last = slice(-LAST_NODES, None)
    before = float(np.median(filling(evidence, graph.index[way.nodes[last]], radius_mm[last])))
    return min(LEAST_FILLING, AS_BRIGHT * before)


def _offer(graph: TubeGraph, evidence: Evidence, ways: list[Way], first: int, nodes: IntArray) -> _Offer | None:
    """Return the shortest acceptable gap between the arteries, from number ``first`` on, and a piece."""
    tree = cKDTree(graph.places_mm[nodes])
    best: _Offer | None = None
    for number, way in enumerate(ways[first:], start=first):
        gap, near = tree.query(graph.places_mm[way.nodes])
        at = int(np.argmin(gap))
        offers = [(at, SIDE_GAP_MM, False), (len(way.nodes) - 1, END_GAP_MM, True)]
        for place, most, at_end in offers:
            if gap[place] > most or (best is not None and gap[place] >= best.length_mm):
                continue
            entry, node = int(nodes[near[place]]), int(way.nodes[place])
            if not at_end and metal_gap_mm(evidence, graph.places_mm[[entry]])[0] < METAL_MM:
                continue
            cone = END_CONE if at_end else _side_cone(graph, evidence, ways, way, node, entry)
            if _in_line(graph, evidence, way, place, entry, nodes, at_end, cone) and _filled(
                graph, evidence, node, entry, at_end
            ):
                best = _Offer(number, node, entry, at_end, float(gap[place]), in_blood=cone == ROOT_CONE)
            elif at_end and gap[place] <= STEP_GAP_MM and _goes_on(graph, way, entry, nodes):
                best = _Offer(number, node, entry, at_end, float(gap[place]), step=True)
    return best


def _goes_on(graph: TubeGraph, way: Way, entry: int, nodes: IntArray) -> bool:
    """Tell whether a piece begins beside the end of an artery and runs in its direction."""
    here, there = graph.places_mm[way.nodes[-1]], graph.places_mm[entry]
    back = graph.places_mm[way.nodes]
    onward = unit(here - back[np.linalg.norm(back - here, axis=1) <= DIRECTION_MM][0])
    around = graph.places_mm[nodes] - there
    around = around[np.linalg.norm(around, axis=1) <= DIRECTION_MM]
    return bool(float((around @ onward).min()) >= -STEP_BACK_MM and float(np.dot(unit(around.mean(axis=0)), onward)) >= STEP_CONE)


def _side_cone(graph: TubeGraph, evidence: Evidence, ways: list[Way], way: Way, node: int, entry: int) -> float:
    """Return the least cosine for a piece beside an artery: smaller at a wide left main's end, where blood alone lies between."""
    near = _from_ostium(graph, ways, way, node) <= ROOT_MM
    blood = FAT_HU + BLOOD_SHARE * (evidence.blood_hu - FAT_HU)
    return ROOT_CONE if near and float(_between(graph, evidence, node, entry).min()) >= blood else SIDE_CONE


def _in_line(
    graph: TubeGraph, evidence: Evidence, way: Way, place: int, entry: int, nodes: IntArray, at_end: bool, cone: float
) -> bool:
    here, there = graph.places_mm[way.nodes[place]], graph.places_mm[entry]
    across = unit(there - here)
    behind = first_part_mm(graph, evidence, entry, nodes).mean(axis=0) - there
    onward = float(np.dot(unit(behind), across)) if np.linalg.norm(behind) > 0.3 else 1.0
    if onward < cone or not at_end:
        return onward >= cone
    if _is_root(graph, way):
        return True
    back = graph.places_mm[way.nodes]
    before = back[np.linalg.norm(back - here, axis=1) <= DIRECTION_MM][0]
    return float(np.dot(unit(here - before), across)) >= cone


def first_part_mm(graph: TubeGraph, evidence: Evidence, entry: int, nodes: IntArray) -> FloatArray:
    """Return the places (N, 3) of the lumen of a piece's first part, k, j, i times the spacing: the voxels within
    :data:`DIRECTION_MM` of its entry without calcium, all of them where next to nothing is left (a stent).

    Calcium is in the wall, not in the lumen: a spot of it, with what it blurs into, has more and brighter voxels than the
    narrowed lumen beside it, and would draw the artery's direction to itself.
    """
    own = nodes[np.linalg.norm(graph.places_mm[nodes] - graph.places_mm[entry], axis=1) <= DIRECTION_MM]
    places = graph.places_mm[own]
    calcium = evidence.smooth[tuple(graph.index[own].T)] > CALCIUM_FROM * evidence.blood_hu
    if not calcium.any():
        return np.asarray(places)
    lumen = cKDTree(places[calcium]).query(places)[0] > CALCIUM_BLUR_MM
    return np.asarray(places[lumen] if int(lumen.sum()) >= LEAST_LUMEN else places)


def _is_root(graph: TubeGraph, way: Way) -> bool:
    """Tell whether a way is the root of an artery closed at the aorta: too short to have a direction or a width."""
    return way.parent < 0 and float(arc_length_mm(graph.places_mm[way.nodes])[-1]) < DIRECTION_MM


def _filled(graph: TubeGraph, evidence: Evidence, node: int, entry: int, at_end: bool) -> bool:
    """Tell whether a straight gap holds tissue (at an end) or nearly a lumen (at a side)."""
    values = _between(graph, evidence, node, entry)
    least = TISSUE_HU if at_end else FAT_HU + LEAST_SHARE * (evidence.blood_hu - FAT_HU)
    return float(np.percentile(values, 10.0)) >= least


def _between(graph: TubeGraph, evidence: Evidence, node: int, entry: int) -> FloatArray:
    """Return the brightness (24,) along the straight line between two nodes, HU."""
    share = np.linspace(0.0, 1.0, 24)[:, None]
    line = (1.0 - share) * graph.index[node] + share * graph.index[entry]
    return np.asarray(ndimage.map_coordinates(evidence.smooth, line.T, order=1, mode="nearest"))


def _fits(
    graph: TubeGraph, ways: list[Way], way: Way, radius_mm: FloatArray, offer: _Offer, new: list[Way], new_radii: list[FloatArray]
) -> bool:
    """Tell whether what lies behind a gap is an artery's: long enough, no vein, not wider than before.

    Where a wide left main divides, the width before is that of whatever was followed first, and blood all the way tells more; a
    closed root has none.
    """
    if float(arc_length_mm(graph.places_mm[new[0].nodes])[-1]) < LEAST_MM:
        return False
    at = int(np.flatnonzero(way.nodes == offer.node)[0])
    before = float(np.median(radius_mm[max(at - 20, 0) : at + 1]))
    told = not (offer.in_blood or _is_root(graph, way))
    if told and float(np.median(new_radii[0])) > WIDER * max(before, 0.8):
        return False
    # an artery behind a gap at the left main's end is as wide as arteries are so near to the aorta, one far from it is not
    far = min(_from_ostium(graph, ways, way, offer.node), MOST_LEAD_MM)
    leads = [far] + [MOST_LEAD_MM] * (len(new) - 1)
    for before_mm, part, radius in zip(leads, new, new_radii, strict=True):
        lead = np.linspace(-before_mm, 0.0, 4)[:, None] * np.ones(3) / np.sqrt(3.0) + graph.places_mm[part.nodes[0]]
        if vein_part(np.concatenate([lead, graph.places_mm[part.nodes]]), np.concatenate([np.ones(4), radius])).any():
            return False
    return True


def _from_ostium(graph: TubeGraph, ways: list[Way], way: Way, node: int) -> float:
    """Return how far along the arteries a node of a way lies from the ostium, mm."""
    length = 0.0
    while True:
        at = int(np.flatnonzero(way.nodes == node)[0])
        length += float(arc_length_mm(graph.places_mm[way.nodes[: at + 1]])[-1])
        if way.parent < 0:
            return length
        way, node = ways[way.parent], way.parent_node
