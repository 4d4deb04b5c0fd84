"""Colours of the airway's surface: by lobe, generation or diameter, with the chosen branch lit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from LungAirwayLib.naming import lobe_of
from LungAirwayLib.plan import Route
from LungAirwayLib.segments import LOBE_SEGMENTS, SEGMENTS
from SenseCarePlanningLib.render.plan_colours import PAST_LUMEN, ROUTE
from SenseCarePlanningLib.surface import Surface
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningWidgets.texts import tr as _

CENTRAL = (205, 210, 216)
CHOSEN = (255, 235, 0)
REMOVED = (105, 110, 120)
GENERATIONS = (
    (94, 79, 162),
    (50, 136, 189),
    (102, 194, 165),
    (171, 221, 164),
    (230, 220, 130),
    (253, 174, 97),
    (244, 109, 67),
    (213, 62, 79),
)
"""ColorBrewer's "Spectral" (Brewer 2002) from the trachea outwards; the last for all further generations."""
DIAMETERS = (
    (0.0, (213, 62, 79)),
    (2.0, (244, 109, 67)),
    (3.0, (253, 174, 97)),
    (4.0, (230, 220, 130)),
    (6.0, (102, 194, 165)),
    (9.0, (50, 136, 189)),
)
"""From this diameter (mm) on, this colour."""


@dataclass(frozen=True, eq=False)
class VertexBranches:
    """The branch of each vertex of a surface: the branch ids that occur (B,), and for each vertex (N,) its place among them."""

    ids: np.ndarray
    at: np.ndarray


def branch_of_vertices(surface: Surface, tree: Tree) -> VertexBranches:
    """Return the branch of each vertex: of the centreline sample whose wall is nearest."""
    points = np.concatenate([branch.points_lps_mm for branch in tree])
    radii = np.concatenate([branch.radius_mm for branch in tree])
    ids = np.concatenate([np.full(len(branch.radius_mm), branch.id) for branch in tree])
    distance, at = cKDTree(points).query(surface.points_lps_mm, k=range(1, min(8, len(points)) + 1), workers=-1)
    best = np.argmin(np.abs(distance - radii[at]), axis=1)
    found, place = np.unique(ids[at[np.arange(len(at)), best]], return_inverse=True)
    return VertexBranches(found, place)


def lobe_of_branch(tree: Tree, branch_id: int) -> int | None:
    """Return the lobe's label value of a branch, by the nearest name from it upwards; None for central airways."""
    for one in reversed(tree.path_to(branch_id)):
        label = tree[one].label
        if label is not None:
            try:
                return lobe_of(label.code)
            except (ValueError, KeyError):
                continue
    return None


def color_of_branch(tree: Tree, branch_id: int, mode: str) -> tuple[int, int, int]:
    """Return the colour of a branch in the mode ``LOBE``, ``GENERATION`` or ``DIAMETER``."""
    if mode == "GENERATION":
        return GENERATIONS[min(tree[branch_id].generation, len(GENERATIONS) - 1)]
    if mode == "DIAMETER":
        return [color for least, color in DIAMETERS if tree[branch_id].diameter_mm >= least][-1]
    lobe = lobe_of_branch(tree, branch_id)
    return SEGMENTS[LOBE_SEGMENTS[lobe]].color_rgb if lobe is not None else CENTRAL


def vertex_colors(
    of_vertices: VertexBranches, tree: Tree, mode: str, kept: Iterable[int], chosen: int | None, route: Iterable[int] = ()
) -> np.ndarray:
    """Return RGB (N, 3) uint8: the mode's colour, grey where the branch was taken out, lit where it is chosen.

    Among the lobes the branches of ``route`` stand out; where colours are numbers, they keep their own.
    """
    kept = set(kept)
    marked = set(route) & kept if mode == "LOBE" else set()
    palette = np.empty((len(of_vertices.ids), 3), dtype=np.uint8)
    for at, branch_id in enumerate(of_vertices.ids.tolist()):
        color = color_of_branch(tree, branch_id, mode) if branch_id in kept else REMOVED
        color = ROUTE if branch_id in marked else color
        palette[at] = CHOSEN if branch_id == chosen else color
    return np.asarray(palette[of_vertices.at])


def legend(tree: Tree, mode: str, route: Route | None = None) -> list[tuple[tuple[int, int, int], str]]:
    """Return the colours in use with their meaning; with a route, its own and, where it has one, that of the guess beyond it."""
    past = [(PAST_LUMEN, _("Past the visible airway"))] if route is not None and route.chosen_extension is not None else []
    if mode == "GENERATION":
        deepest = max(branch.generation for branch in tree)
        last = len(GENERATIONS) - 1
        texts = [str(number) if number < last else f"≥ {last}" for number in range(min(deepest, last) + 1)]
        return [*zip(GENERATIONS, texts, strict=False), *past]
    if mode == "DIAMETER":
        bounds = [least for least, _color in DIAMETERS]
        texts = [f"{a:g}–{b:g} mm" for a, b in pairwise(bounds)] + [f"≥ {bounds[-1]:g} mm"]
        return [*((color, text) for (_least, color), text in zip(DIAMETERS, texts, strict=True)), *past]
    found = {lobe_of_branch(tree, branch.id) for branch in tree}
    lobe_texts = (
        _("Right upper lobe"),
        _("Right middle lobe"),
        _("Right lower lobe"),
        _("Left upper lobe"),
        _("Left lower lobe"),
    )
    lobes = zip(LOBE_SEGMENTS.items(), lobe_texts, strict=True)
    shown = [(SEGMENTS[segment].color_rgb, text) for (value, segment), text in lobes if value in found]
    return [(CENTRAL, _("Central airways")), *shown, *([(ROUTE, _("Route"))] if route is not None else []), *past]
