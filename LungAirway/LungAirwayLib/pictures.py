"""Every picture of the report, under keys that stay the same."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.render.overlay import Colour, save_png
from SenseCarePlanningLib.render.plan_colours import PAST_LUMEN, PAST_LUMEN_RADIUS_MM
from SenseCarePlanningLib.render.tree_picture import Ball, TreePainter, TreeStyle, clearest_view, lung_surface
from SenseCarePlanningLib.volume import Volume

from .camera_path import CameraPath
from .constants import LLL, LUL, RLL, RML, RUL
from .naming import lobe_of, segment_of
from .pictures_slices import extension_picture, oblique_picture, target_pictures
from .pictures_steps import step_pictures
from .plan import Extension, Plan, Route
from .report_pages.words import Words
from .result import AirwayResult

logger = logging.getLogger(__name__)

LOBE_COLOURS: dict[int, Colour] = {
    RUL: (230, 132, 30),
    RML: (112, 173, 50),
    RLL: (41, 134, 204),
    LUL: (207, 85, 150),
    LLL: (116, 92, 214),
}
"""The hues of :data:`.segments.SEGMENTS`, which panel, scene and DICOM have, deeper: the picture's ground is white."""
SHOWN_TRACHEA_MM = 25.0
"""How much of the trachea the picture of a route shows: enough to tell where the carina is."""
LAST_BRANCHES = 2
"""How many of a route's last branches the zoomed picture shows whole."""
LEAST_ZOOMED_MM, ZOOM_MARGIN_MM = 25.0, 8.0
TREE_PIXELS = (1240, 1080)
TREE_DPI, SLICE_DPI, STEP_DPI = 330, 300, 300


def make_pictures(
    result: AirwayResult,
    volume: Volume | None,
    camera_paths: Iterable[CameraPath],
    out_dir: Path | str,
    language: str = "en",
    progress: Progress | None = None,
) -> dict[str, Path]:
    """Draw the pictures of the report as PNG files.

    Ask ``rendering_available`` first.

    Parameters
    ----------
    result
        What was found; without a plan only the tree is drawn.
    volume
        The CT; without it there are no slices.
    camera_paths
        The camera's way for each route; steps of a route without one are left out.
    out_dir
        Folder for the files; made when it is missing.
    language
        ``en`` or ``zh``.
    progress
        Hears of each picture and may stop the run between two.

    Returns
    -------
    dict
        Key -> file: ``tree_overview``, ``tree_lobes``, ``route_zoom`` (the last bifurcations of the best route and the
        target), ``target_axial``, ``target_coronal``, ``target_sagittal``, and for each route its ``route_<rank>_tree``,
        ``route_<rank>_oblique``, ``extensions_<rank>`` and ``step_<rank>_<n>``.
    """
    start = time.perf_counter()
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    words = Words.of(language)
    paths = {path.route_rank: path for path in camera_paths}
    files: dict[str, Path] = {}

    progress = progress or Progress()
    expected = _how_many(result, volume, paths)
    for key, image, dpi in _all_pictures(result, volume, paths, words):
        files[key] = folder / f"{key}.png"
        save_png(image, files[key], dpi)
        progress.update(len(files) / expected)
    logger.info("%d pictures in %.1f s", len(files), time.perf_counter() - start)
    return files


def _how_many(result: AirwayResult, volume: Volume | None, paths: Mapping[int, CameraPath]) -> int:
    """Return how many pictures :func:`make_pictures` draws, at least nearly."""
    if result.plan is None:
        return 2
    steps = sum(len(steps) for rank, steps in result.plan.instructions.items() if rank in paths)
    slices = 0 if volume is None else 3 + 2 * len(result.plan.routes)
    return 3 + len(result.plan.routes) + slices + steps


def _all_pictures(
    result: AirwayResult, volume: Volume | None, paths: Mapping[int, CameraPath], words: Words
) -> Iterator[tuple[str, RgbImage, int]]:
    """Yield key, picture and print resolution, one after the other."""
    with TreePainter(result.surface, result.tree) as painter:
        for key, image in _painted(painter, result, words):
            yield key, image, TREE_DPI
    if result.plan is None:
        return
    if volume is not None:
        yield from _slices(result, result.plan, volume, words)
    for key, image in step_pictures(result, result.plan, paths, words):
        yield key, image, STEP_DPI


def _slices(result: AirwayResult, plan: Plan, volume: Volume, words: Words) -> Iterator[tuple[str, RgbImage, int]]:
    """Yield what is drawn on slices of the CT; without one they would be outlines on a black ground."""
    for key, image in target_pictures(result, plan, volume, words):
        yield key, image, SLICE_DPI
    for route in plan.routes:
        yield f"route_{route.rank}_oblique", oblique_picture(result, plan, route, volume, words), SLICE_DPI
        if route.extensions:
            yield f"extensions_{route.rank}", extension_picture(result, plan, route, volume, words), SLICE_DPI


def _painted(painter: TreePainter, result: AirwayResult, words: Words) -> Iterator[tuple[str, RgbImage]]:
    lungs = lung_surface(result.lungs) if result.lungs is not None else None
    letters = tuple(words.say(letter) for letter in ("L", "R", "P", "A", "H", "F"))
    plan = result.plan
    target = Ball(plan.target.surface_lps_mm, 4.0) if plan is not None else None
    names = segment_labels(result, words)
    best = plan.routes[0] if plan is not None and plan.routes else None
    width, height = TREE_PIXELS
    overview = TreeStyle(
        colours=None,
        route_ids=frozenset(best.branch_ids) if best is not None else frozenset(),
        curves=_extension_curves(best),
        target=target,
        lungs=lungs,
        letters=letters,
    )
    yield "tree_overview", painter.paint(width, height, overview)
    coloured = TreeStyle(colours=_lobe_colours(result), target=target, lungs=lungs, labels=names, letters=letters)
    yield "tree_lobes", painter.paint(width, height, coloured)
    for route in plan.routes if plan is not None else ():
        style = TreeStyle(
            route_ids=frozenset(route.branch_ids),
            curves=_extension_curves(route),
            target=target,
            lungs=lungs,
            labels=_route_labels(result, route, words),
            letters=letters,
            focus_lps_mm=_focus(result, route),
        )
        yield f"route_{route.rank}_tree", painter.paint(width, height, style)
    if best is not None:
        zoomed = _zoom_style(result, best, target, words, letters)
        yield "route_zoom", painter.paint(width, height, zoomed)


def _zoomed_line(result: AirwayResult, route: Route) -> FloatArray:
    """Return the end of a route (N, 3) that the zoomed picture shows, with what lies past the visible tree."""
    arc = arc_length_mm(route.points_lps_mm)
    reach = max(sum(result.tree[key].length_mm for key in route.branch_ids[-LAST_BRANCHES:]), LEAST_ZOOMED_MM)
    shown = [route.points_lps_mm[arc >= arc[-1] - reach]]
    return np.concatenate([*shown, *(points for points, _, _ in _extension_curves(route))])


def zoom_view(result: AirwayResult, route: Route) -> str:
    """Return from where ``route_zoom`` shows the end of a route: ``front``, ``back``, or the side that it lies on."""
    line = _zoomed_line(result, route)
    side = "right" if line[-1, 0] < result.tree.root.points_lps_mm[-1, 0] else "left"
    return clearest_view(result.surface, line, ("front", side, "back"))


def _zoom_style(result: AirwayResult, route: Route, target: Ball | None, words: Words, letters: tuple[str, ...]) -> TreeStyle:
    """Return the picture of a route's last bifurcations and its target, from where they are seen best."""
    line = _zoomed_line(result, route)
    around = np.concatenate([line, target.points_lps_mm]) if target is not None else line
    low, high = around.min(axis=0) - ZOOM_MARGIN_MM, around.max(axis=0) + ZOOM_MARGIN_MM
    beside = {child.id for key in route.branch_ids[-LAST_BRANCHES - 1 :] for child in result.tree.children(key)}
    inside = [
        key
        for key in (*route.branch_ids[-LAST_BRANCHES:], *sorted(beside))
        if ((result.tree[key].points_lps_mm > low) & (result.tree[key].points_lps_mm < high)).all(axis=1).mean() > 0.5
    ]
    labels: dict[int, str] = {}
    for key in dict.fromkeys(inside):
        branch = result.tree[key]
        name = words.branch(branch, result.tree)
        if branch.label is not None and name not in labels.values():
            labels[key] = name
    return TreeStyle(
        route_ids=frozenset(route.branch_ids),
        curves=_extension_curves(route),
        target=target,
        labels=labels,
        letters=letters,
        focus_lps_mm=np.stack([low, high]),
        view=zoom_view(result, route),
    )


def _focus(result: AirwayResult, route: Route) -> FloatArray:
    """Return the points that the picture of a route must show: its way from just above the carina, its target, and around."""
    above = max(result.tree.root.length_mm - SHOWN_TRACHEA_MM, 0.0)
    parts = [route.points_lps_mm[arc_length_mm(route.points_lps_mm) >= above]]
    if result.plan is not None:
        parts.append(result.plan.target.surface_lps_mm)
    low, high = (edge(np.concatenate(parts), axis=0) for edge in (np.min, np.max))
    return np.stack([low - 25.0, high + 25.0])


def _extension_curves(route: Route | None) -> tuple[tuple[FloatArray, Colour, float], ...]:
    extension = chosen_extension(route)
    if extension is None or len(extension.points_lps_mm) < 2:
        return ()
    return ((extension.points_lps_mm, PAST_LUMEN, PAST_LUMEN_RADIUS_MM),)


def chosen_extension(route: Route | None) -> Extension | None:
    """Return the extension that a route goes on with past the visible tree, None when it needs none."""
    if route is None or route.chosen_extension is None:
        return None
    return route.extensions[route.chosen_extension]


def _lobe_colours(result: AirwayResult) -> dict[int, Colour]:
    """Return the colour of each branch by the lobe of its own name, else of its parent's."""
    colours: dict[int, Colour] = {}
    for branch in result.tree:
        lobe = lobe_of(branch.label.code) if branch.label is not None else None
        if lobe is not None:
            colours[branch.id] = LOBE_COLOURS[lobe]
        elif branch.parent_id in colours:
            colours[branch.id] = colours[branch.parent_id]
    return colours


def segment_labels(result: AirwayResult, words: Words) -> dict[int, str]:
    """Return branch id -> name for the first branch of each named segment."""
    names: dict[int, str] = {}
    seen: set[str] = set()
    for branch in result.tree:
        code = branch.label.code if branch.label is not None else None
        if code is not None and segment_of(code) == code and code not in seen:
            seen.add(code)
            names[branch.id] = words.branch(branch, result.tree)
    return names


def _route_labels(result: AirwayResult, route: Route, words: Words) -> dict[int, str]:
    """Return the name of each part of a route, at the first branch that has it."""
    labels: dict[int, str] = {}
    for branch_id in route.branch_ids:
        branch = result.tree[branch_id]
        name = words.branch(branch, result.tree)
        if branch.label is not None and name not in labels.values():
            labels[branch_id] = name
    return labels
