"""Odd coronary trees made from a digital patient's true one: arteries missing, cut short, mirrored, or from elsewhere.

The anomalies are LAD and LCx with ostia of their own, and an LCx that leaves the right coronary artery or the right sinus and
runs behind the aorta: variants of origin (see Villa et al. 2016, doi:10.4329/wjr.v8.i6.537, of which the abstract was read).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from ..geometry import FloatArray, arc_length_mm, unit
from .coronary_truth import ArteryTruth, CoronaryTruth

_STEP_MM = 0.25
_BEHIND_MM, _TO_MIDDLE_MM = 16.5, 7.2
_JOINS_AT_MM, _FROM_RCA_MM, _BESIDE_MM = 14.0, 8.0, 3.0
_AORTIC_AXIS = np.array([-0.26, -0.18, 0.95])
_P_LAD, _P_LCX = 6, 11
_ALONG = tuple(one.name for one in fields(ArteryTruth) if one.name not in ("name", "parent", "parent_index"))


def without(truth: CoronaryTruth, *names: str) -> CoronaryTruth:
    """Return a heart without some arteries and all that leaves them."""
    gone = set(names)
    while more := {one.name for one in truth.arteries if one.parent in gone} - gone:
        gone |= more
    return _with_arteries(truth, [one for one in truth.arteries if one.name not in gone])


def cut_short(truth: CoronaryTruth, name: str, length_mm: float) -> CoronaryTruth:
    """Return a heart in which one artery ends early, with all that leaves it beyond."""
    artery = _by_name(truth)[name]
    count = _index_at(artery, length_mm)
    lost = [one.name for one in truth.arteries if one.parent == name and one.parent_index >= count]
    rest = without(truth, *lost)
    return _with(rest, _part(artery, slice(0, count)))


def mirrored(truth: CoronaryTruth) -> CoronaryTruth:
    """Return the heart with left and right swapped."""
    swap = np.array([-1.0, 1.0, 1.0])
    return replace(
        truth,
        arteries=tuple(
            replace(one, points_lps_mm=one.points_lps_mm * swap, vessel_lps_mm=one.vessel_lps_mm * swap) for one in truth.arteries
        ),
    )


def separate_ostia(truth: CoronaryTruth) -> CoronaryTruth:
    """Return the heart without a left main, thus without a ramus: LAD and LCx leave the left sinus side by side."""
    by_name = _by_name(truth)
    circumflex, main = by_name["LCX"], by_name["LM"]
    step = max(len(main.points_lps_mm) // 5, 1)
    beside = main.points_lps_mm[:-step:step] + _BESIDE_MM * np.array([0.3, 1.0, 0.0])
    return _led(_main_to_lad(without(truth, "RI")), "LCX", beside, _index_at(circumflex, 6.0), None, 0)


def lcx_from_right(truth: CoronaryTruth, own_ostium: bool) -> CoronaryTruth:
    """Return the heart with an LCx that leaves the right sinus, or the proximal RCA, and runs behind the aorta.

    Parameters
    ----------
    own_ostium
        From the sinus.
    """
    by_name = _by_name(truth)
    circumflex, rca, main = by_name["LCX"], by_name["RCA"], by_name["LM"]
    leaves = _index_at(rca, _FROM_RCA_MM)
    start = rca.points_lps_mm[0] + np.array([-4.0, 2.0, 0.0]) if own_ostium else rca.points_lps_mm[leaves]
    begin = _index_at(circumflex, _JOINS_AT_MM)
    lead = _behind_the_aorta(start, rca.points_lps_mm[0], main.points_lps_mm[0], circumflex.points_lps_mm[begin])
    return _led(
        _main_to_lad(without(truth, "RI")), "LCX", lead, begin, None if own_ostium else "RCA", 0 if own_ostium else leaves
    )


ODD: dict[str, Callable[[CoronaryTruth], CoronaryTruth]] = {
    "no LCx": lambda truth: without(truth, "LCX"),
    "no LAD": lambda truth: without(truth, "LAD"),
    "no RCA": lambda truth: without(truth, "RCA"),
    "no left artery": lambda truth: without(truth, "LM"),
    "no left main": separate_ostia,
    "LCx from the RCA": lambda truth: lcx_from_right(truth, own_ostium=False),
    "LCx from the right sinus": lambda truth: lcx_from_right(truth, own_ostium=True),
    "RCA cut at 40 mm": lambda truth: cut_short(truth, "RCA", 40.0),
    "LAD cut at 40 mm": lambda truth: cut_short(truth, "LAD", 40.0),
    "LCx cut at 30 mm": lambda truth: cut_short(truth, "LCX", 30.0),
    "mirrored": mirrored,
    "LAD alone": lambda truth: without(truth, "RCA", "LCX", "RI", "D1", "D2", "S1"),
    "LCx alone": lambda truth: without(truth, "RCA", "LAD", "RI", "OM1", "OM2"),
    "RCA alone": lambda truth: without(truth, "LM", "AM", "PLB"),
}
"""Every kind by name."""


def moved_divisions(truth: CoronaryTruth, seed: int, most_mm: float) -> CoronaryTruth:
    """Return the heart as it is found in scans: where side branches leave is moved along what they leave, evenly up to a length.

    A ramus then leaves the left main before its end, or the LAD or LCx behind it.
    """
    random, by_name = np.random.default_rng([seed, 9]), _by_name(truth)
    arteries = []
    for one in truth.arteries:
        shift = round(float(random.uniform(-most_mm, most_mm)) / _STEP_MM)
        onto = str(random.choice(["LAD", "LCX"]))
        goes_on = one.name != "RI" and one.parent is not None and one.parent_index >= len(by_name[one.parent].points_lps_mm) - 2
        if one.parent is None or goes_on:
            arteries.append(one)
            continue
        parent, at = one.parent, one.parent_index + shift
        if one.name == "RI" and one.parent == "LM" and shift > 0:
            parent, at = onto, shift
        arteries.append(_leaving(one, by_name[parent], at))
    return _with_arteries(truth, arteries)


def ramus_joined_late(truth: CoronaryTruth, onto: str, at_mm: float) -> CoronaryTruth:
    """Return the heart whose ramus is joined to LAD or LCX (``onto``) beyond its origin, as where both touch.

    Its first part, but for what lies in the left main's end, leaves the same artery 2 mm farther on and runs back.
    """
    by_name = _by_name(truth)
    ramus, other = by_name["RI"], by_name[onto]
    late, first = _index_at(ramus, at_mm), _index_at(ramus, 5.0)
    near = int(np.linalg.norm(other.points_lps_mm - ramus.points_lps_mm[late], axis=1).argmin())
    back = _part(ramus, slice(late, first, -1))
    joined = [
        _leaving(replace(_part(ramus, slice(late, None)), parent=onto), other, near),
        _leaving(replace(back, name="RI back", parent=onto), other, near + round(2.0 / _STEP_MM)),
    ]
    return _with_arteries(truth, [one for one in truth.arteries if one.name != "RI"] + joined)


def _leaving(artery: ArteryTruth, parent: ArteryTruth, at: int) -> ArteryTruth:
    """Return an artery that leaves another one at a point, led there straight from where it is farther away than that."""
    at = int(np.clip(at, 2, len(parent.points_lps_mm) - 3))
    start, points = parent.points_lps_mm[at], artery.points_lps_mm.copy()
    gap = float(np.linalg.norm(points[0] - start))
    begin = min(_index_at(artery, gap + 1.0), len(points) - 2)
    points[: begin + 1] = np.linspace(start, points[begin], begin + 1)
    return replace(artery, parent=parent.name, parent_index=at, points_lps_mm=points)


def _by_name(truth: CoronaryTruth) -> dict[str, ArteryTruth]:
    return {one.name: one for one in truth.arteries}


def _with(truth: CoronaryTruth, artery: ArteryTruth) -> CoronaryTruth:
    """Return the truth with one artery in the place of the one of its name."""
    return _with_arteries(truth, [artery if one.name == artery.name else one for one in truth.arteries])


def _with_arteries(truth: CoronaryTruth, arteries: Sequence[ArteryTruth]) -> CoronaryTruth:
    """Return the truth with other arteries, and the segments that these have."""
    numbers = {int(number) for one in arteries for number in one.segment}
    return replace(
        truth, arteries=tuple(arteries), segments={number: name for number, name in truth.segments.items() if number in numbers}
    )


def _part(artery: ArteryTruth, part: slice) -> ArteryTruth:
    """Return a stretch of an artery."""
    return replace(artery, **{key: getattr(artery, key)[part] for key in _ALONG})


def _main_to_lad(truth: CoronaryTruth) -> CoronaryTruth:
    """Make the left main the beginning of the LAD; what else leaves its end leaves the LAD there."""
    by_name = _by_name(truth)
    main, lad = by_name["LM"], by_name["LAD"]
    count = len(main.points_lps_mm) - 1
    along: dict[str, Any] = {key: np.concatenate([getattr(main, key)[:count], getattr(lad, key)]) for key in _ALONG}
    along["segment"][:count] = _P_LAD
    joined = replace(lad, parent=None, parent_index=0, **along)
    moved = []
    for one in truth.arteries:
        if one.name == "LAD":
            moved.append(joined)
        elif one.parent == "LAD":
            moved.append(replace(one, parent_index=one.parent_index + count))
        elif one.parent == "LM":
            moved.append(replace(one, parent="LAD", parent_index=count))
        elif one.name != "LM":
            moved.append(one)
    return _with_arteries(truth, moved)


def _led(
    truth: CoronaryTruth, name: str, lead_lps_mm: FloatArray, begin: int, parent: str | None, parent_index: int
) -> CoronaryTruth:
    """Return the truth with an artery whose first ``begin`` points are replaced by a course (K, 3) to where it goes on."""
    artery = _by_name(truth)[name]
    rest = _part(artery, slice(begin, None))
    knots = np.concatenate([lead_lps_mm, rest.points_lps_mm[: int(9.0 / _STEP_MM) : int(4.0 / _STEP_MM)]])
    arc = arc_length_mm(knots)
    lead = CubicSpline(arc, knots)(np.arange(0.0, arc[len(lead_lps_mm)] - _STEP_MM, _STEP_MM))
    given: dict[str, Any] = {}
    for key in _ALONG:
        values = getattr(rest, key)
        given[key] = np.concatenate([lead if values.ndim == 2 else np.full(len(lead), values[0]), values])
    given["segment"][: len(lead)] = _P_LCX
    found = _with(truth, replace(artery, parent=parent, parent_index=parent_index, **given))
    shift = len(lead) - begin
    return replace(
        found,
        arteries=tuple(
            replace(one, parent_index=one.parent_index + shift) if one.parent == name else one for one in found.arteries
        ),
    )


def _index_at(artery: ArteryTruth, length_mm: float) -> int:
    return max(int(np.searchsorted(arc_length_mm(artery.points_lps_mm), length_mm)), 2)


def _behind_the_aorta(start: FloatArray, right: FloatArray, left: FloatArray, goal: FloatArray) -> FloatArray:
    """Return a course (K, 3) from the right sinus round behind the aortic root, up to but without the goal."""
    up = unit(_AORTIC_AXIS)
    across = unit(np.array([1.0, 0.0, 0.0]) - up[0] * up)
    back = np.cross(up, across)
    chord = unit(left - right)
    inward = unit(np.cross(up, chord))
    middle = 0.5 * (left + right) + _TO_MIDDLE_MM * inward * (1.0 if inward @ back > 0 else -1.0)
    ends = []
    for point in (start, goal):
        away = point - middle
        ends.append((np.arctan2(away @ back, away @ across), float(np.hypot(away @ back, away @ across)), float(away @ up)))
    (first, near, high), (last, far, low) = ends
    turn = (first - last) % (2.0 * np.pi)
    course = [start]
    for share in np.linspace(0.0, 1.0, 8)[1:-1]:
        angle = first - share * turn
        leaving = max(share - 0.7, 0.0) / 0.3  # it keeps to the root until it is behind it
        radius = (1.0 - leaving) * max(_BEHIND_MM, near) + leaving * far
        course.append(
            middle + radius * (np.cos(angle) * across + np.sin(angle) * back) + ((1.0 - share) * high + share * low) * up
        )  # fmt: skip
    return np.array(course)
