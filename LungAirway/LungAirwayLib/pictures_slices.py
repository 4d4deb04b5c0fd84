"""The CT slices of the report: through the target, along the exit, and with the models past the visible airway."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from SenseCarePlanningLib.geometry import FloatArray, unit
from SenseCarePlanningLib.render.offscreen import RgbImage
from SenseCarePlanningLib.render.overlay import Colour, Shapes, draw_text
from SenseCarePlanningLib.render.plan_colours import OTHER_WAYS, PAST_LUMEN, ROUTE, TARGET
from SenseCarePlanningLib.render.slice_picture import (
    Curve,
    Outline,
    Plane,
    SliceOptions,
    oblique_plane,
    slice_picture,
    standard_plane,
)
from SenseCarePlanningLib.volume import Volume

from .plan import ExtensionModel, Plan, Route, Target
from .report_pages.words import Words
from .result import AirwayResult

PIXELS = 740
AIRWAY: Colour = (0, 229, 255)
LOBE: Colour = (120, 144, 156)
BAND: Colour = (18, 22, 28)
TARGET_FIELD_MM = 90.0
BARE_TARGET_RADIUS_MM = 4.0


def target_pictures(result: AirwayResult, plan: Plan, volume: Volume | None, words: Words) -> Iterator[tuple[str, RgbImage]]:
    """Yield ``target_axial``, ``target_coronal`` and ``target_sagittal``."""
    curves = (Curve(plan.routes[0].points_lps_mm, ROUTE, dashed=False),) if plan.routes else ()
    field = max(TARGET_FIELD_MM, 3.0 * float(np.ptp(plan.target.surface_lps_mm, axis=0).max(initial=0.0)))
    for name in ("axial", "coronal", "sagittal"):
        plane = standard_plane(name, plan.target.centre_lps_mm, field)
        yield f"target_{name}", _slice(result, volume, plane, words, curves)


def oblique_picture(result: AirwayResult, plan: Plan, route: Route, volume: Volume | None, words: Words) -> RgbImage:
    """Return the slice that holds the airway before the exit, the exit and the target."""
    plane = exit_plane(route, plan.target)
    curves = [Curve(route.points_lps_mm, ROUTE)]
    chosen = route.extensions[route.chosen_extension] if route.chosen_extension is not None else None
    if chosen is not None:
        curves.append(Curve(chosen.points_lps_mm, PAST_LUMEN, dashed=True))
    image = _slice(result, volume, plane, words, tuple(curves))
    _mark_exit(image, route, plane)
    return image


def extension_picture(result: AirwayResult, plan: Plan, route: Route, volume: Volume | None, words: Words) -> RgbImage:
    """Return the slice with all models past the visible airway, each in its colour, with a legend on a dark band below."""
    plane = exit_plane(route, plan.target)
    curves = [Curve(route.points_lps_mm, ROUTE)]
    colours = _colours_of_ways(route)
    curves += [
        Curve(extension.points_lps_mm, colour, slab_mm=15.0) for extension, colour in zip(route.extensions, colours, strict=True)
    ]
    image = _slice(result, volume, plane, words, tuple(curves))
    _mark_exit(image, route, plane)
    return _with_legend(image, route, words)


def _colours_of_ways(route: Route) -> list[Colour]:
    """Return a colour for each model past the visible airway: the chosen one has the colour that it has everywhere."""
    others = iter(OTHER_WAYS)
    return [PAST_LUMEN if number == route.chosen_extension else next(others) for number in range(len(route.extensions))]


def exit_plane(route: Route, target: Target) -> Plane:
    """Return the oblique plane through the last airway and the target, wide enough for both."""
    back = np.linalg.norm(route.points_lps_mm - route.exit_point_lps_mm, axis=1)
    before = np.flatnonzero(back >= 6.0)
    along = unit(route.exit_point_lps_mm - route.points_lps_mm[int(before[-1]) if len(before) else 0])
    far = float(np.linalg.norm(target.surface_lps_mm - route.exit_point_lps_mm, axis=1).max(initial=0.0))
    return oblique_plane(route.exit_point_lps_mm, target.centre_lps_mm, along, max(60.0, 1.5 * far + 30.0))


def _slice(result: AirwayResult, volume: Volume | None, plane: Plane, words: Words, curves: tuple[Curve, ...]) -> RgbImage:
    outlines = []
    if result.lobes is not None:
        outlines.append(Outline(result.lobes, tuple(sorted(result.lobes.names)), LOBE, 1.0))
    outlines.append(Outline(result.airway, (), AIRWAY, 1.8))
    target = result.plan.target if result.plan is not None else None
    bare = target is not None and target.is_point
    options = SliceOptions(
        pixels=PIXELS,
        outlines=tuple(outlines),
        curves=curves,
        cross_lps_mm=target.centre_lps_mm if target is not None and bare else None,
        circle=(target.centre_lps_mm, BARE_TARGET_RADIUS_MM) if target is not None and bare else None,
        letters=tuple(words.say(letter) for letter in ("L", "R", "P", "A", "H", "F")),
        scale_text=words.say("{length} mm"),
    )
    image = slice_picture(volume, plane, options)
    if target is not None and not bare:
        shapes = Shapes()
        shapes.line(hull_section(target.surface_lps_mm, plane, plane.width_mm / PIXELS), (*TARGET, 255), 2.4)
        shapes.draw(image)
    return image


def hull_section(points_lps_mm: FloatArray, plane: Plane, pixel_mm: float) -> FloatArray:
    """Return the outline (N, 2) in pixels, closed, of the convex hull of points (N, 3) cut by a plane; may be empty."""
    try:
        hull = ConvexHull(points_lps_mm)
    except (QhullError, ValueError):
        return np.zeros((0, 2))
    edges = np.unique(np.sort(np.concatenate([hull.simplices[:, pair] for pair in ((0, 1), (1, 2), (2, 0))]), axis=1), axis=0)
    side = plane.distance_mm(points_lps_mm)
    first, second = side[edges[:, 0]], side[edges[:, 1]]
    cut = (first > 0) != (second > 0)
    if np.count_nonzero(cut) < 3:
        return np.zeros((0, 2))
    share = (first[cut] / (first[cut] - second[cut]))[:, None]
    start, end = points_lps_mm[edges[cut, 0]], points_lps_mm[edges[cut, 1]]
    pixels = plane.to_pixels(start + share * (end - start), pixel_mm)
    offset = pixels - pixels.mean(axis=0)
    order = np.argsort(np.arctan2(offset[:, 1], offset[:, 0]))
    return np.asarray(pixels[np.append(order, order[0])])


def _mark_exit(image: RgbImage, route: Route, plane: Plane) -> None:
    place = plane.to_pixels(route.exit_point_lps_mm, plane.width_mm / image.shape[1])[0]
    shapes = Shapes()
    shapes.circle(place, image.shape[1] / 90.0, (0, 0, 0, 255))
    shapes.circle(place, image.shape[1] / 120.0, (*ROUTE, 255))
    shapes.draw(image)


LEGEND_PART = 20
"""Of the picture's width is a letter of the legend: 8 points where it is printed 57 mm wide, three in a row."""
MODEL_WORDS = {
    ExtensionModel.STRAIGHT: "straight on",
    ExtensionModel.MINIMUM_COST: "least cost",
    ExtensionModel.ARTERY_FOLLOWING: "beside the vessel",
}


def _with_legend(image: RgbImage, route: Route, words: Words) -> RgbImage:
    """Return the picture with a legend on a dark band put below it, so that it hides nothing."""
    size = image.shape[1] // LEGEND_PART
    top = image.shape[0] + 0.5 * size
    band = np.full((round(size * (1.5 * len(route.extensions) + 0.5)), image.shape[1], 3), BAND, dtype=np.uint8)
    image = np.concatenate([image, band])
    for number, (extension, colour) in enumerate(zip(route.extensions, _colours_of_ways(route), strict=True)):
        shapes = Shapes()
        shapes.line([[size, top + size / 2.0], [2.6 * size, top + size / 2.0]], (*colour, 255), size / 4.0)
        shapes.draw(image)
        length = words.with_unit(extension.length_mm, "mm")
        text = f"{words.say(MODEL_WORDS[extension.model])} {length}"
        draw_text(
            image, text, 3.0 * size, top + size / 2.0, size, bold=number == route.chosen_extension, colour=colour, anchor="lm"
        )
        top += 1.5 * size
    return image
