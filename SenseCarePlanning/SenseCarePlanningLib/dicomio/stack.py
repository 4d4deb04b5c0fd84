"""From slice positions to one regular grid, or to sentences that say why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry import FloatArray
from .agreement import listed, majority
from .headers import ImageHeader

# A slice may lie this far from its place on the regular grid, as a part of the spacing: positions are often rounded to
# 0.1 mm in the header, which must not count as irregular.
POSITION_TOLERANCE = 0.1
ROUNDING_MM = 0.06

# A tilted gantry shears the stack: more sideways drift than this over the whole stack moves anatomy by a voxel.
DRIFT_TOLERANCE_MM = 0.5

# Peripheral bronchi of 2 mm are lost in thicker slices: navigation systems ask for 1 mm or less and accept little more.
WARN_SLICE_MM = 1.5
REFUSE_SLICE_MM = 3.0

# A spacing comes from a fit to rounded positions: 1.5 mm may read 1.5000001 and is no more than 1.5 mm for that. Two
# decimals are what the sentences show, so that none says "1.50 mm, 1.5 mm or less is better".
SIZE_ROUNDING_MM = 0.005

# A chest from apex to diaphragm takes 200 mm and more in an adult; below this the central airway cannot be whole.
MINIMUM_EXTENT_MM = 150.0


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices in the order of k, and their grid.

    Parameters
    ----------
    headers
        Ordered along the slice normal (row direction x column direction).
    affine_ijk_to_lps
        (4, 4), right-handed.
    spacing_mm
        Distance between neighbouring slices.
    """

    headers: tuple[ImageHeader, ...]
    affine_ijk_to_lps: FloatArray
    spacing_mm: float


def slice_axes(headers: Sequence[ImageHeader]) -> FloatArray | None:
    """Return row direction, column direction and normal (3, 3) as most slices state them; None when none does."""
    known = [header.orientation for header in headers if header.orientation is not None]
    if not known:
        return None
    axes = np.array(majority(known), dtype=np.float64).reshape(2, 3)
    row_length = np.linalg.norm(axes[0])
    if row_length < 1e-6:
        return None
    row = axes[0] / row_length
    column = axes[1] - (axes[1] @ row) * row
    length = np.linalg.norm(column)
    if length < 1e-6:
        return None
    column = column / length
    return np.stack([row, column, np.cross(row, column)])


def build_stack(headers: Sequence[ImageHeader]) -> tuple[Stack | None, list[str], list[str]]:
    """Order slices along their normal and fit the grid; returns the stack, problems and warnings.

    The grid comes from a fit to all positions, so that rounding in single headers does not bend it. The stack is None
    when there is a problem.
    """
    axes = slice_axes(headers)
    placed = [header for header in headers if header.position is not None]
    if axes is None or len(placed) < 2 or placed[0].pixel_spacing is None:
        return None, (["fewer than two slices have a position and an orientation"] if len(headers) > 1 else []), []
    positions = np.array([header.position for header in placed])
    along = positions @ axes[2]
    order = np.argsort(along, kind="stable")
    placed = [placed[index] for index in order]
    positions, along = positions[order], along[order]
    problems = _duplicates(placed, along)
    spacing, start = _fit(along)
    problems += _irregularities(placed, along, spacing, start)
    problems += _sideways(placed, positions, along, axes)
    number_problems, warnings = _numbering(placed)
    problems += number_problems
    warnings += _stated_tilt(placed)
    if problems:
        return None, problems, warnings
    column_mm, row_mm = (float(value) for value in majority(header.pixel_spacing for header in placed))  # type: ignore[attr-defined]
    affine = np.eye(4)
    affine[:3, :3] = np.stack([axes[0] * row_mm, axes[1] * column_mm, axes[2] * spacing], axis=1)
    lateral = positions - np.outer(along, axes[2])
    affine[:3, 3] = np.median(lateral, axis=0) + start * axes[2]
    return Stack(tuple(placed), affine, spacing), problems, warnings


def _fit(along: FloatArray) -> tuple[float, float]:
    """Return spacing and first position of the regular grid that most slices lie on."""
    steps = np.diff(along)
    apart = steps[steps > 0.01]
    if apart.size == 0:
        return 0.0, float(along[0])
    # Positions rounded to 0.1 mm make steps of 0.6 and 0.7 out of 0.625: the mean of the ordinary steps is true, no single one.
    usual = float(np.median(apart))
    spacing = float(apart[np.abs(apart - usual) <= 0.3 * usual].mean())
    index = np.rint((along - along[len(along) // 2]) / spacing)
    offset = np.median(along - index * spacing)
    fits = np.abs(along - offset - index * spacing) <= max(POSITION_TOLERANCE * spacing, ROUNDING_MM)
    if np.unique(index[fits]).size >= 2:
        spacing, offset = (float(value) for value in np.polyfit(index[fits], along[fits], 1))
    return spacing, float(offset + index[0] * spacing)


def _duplicates(headers: Sequence[ImageHeader], along: FloatArray) -> list[str]:
    groups: list[list[int]] = []
    for index in range(1, len(along)):
        if along[index] - along[index - 1] < 0.01:
            if groups and groups[-1][-1] == index - 1:
                groups[-1].append(index)
            else:
                groups.append([index - 1, index])
    if not groups:
        return []
    positions = len(along) - sum(len(group) - 1 for group in groups)
    if len(groups) > 0.8 * positions:
        return [
            f"every position holds {len(groups[0])} images: several phases or reconstructions are mixed in one series; "
            "export one of them alone"
        ]
    pairs = [" = ".join(headers[index].name for index in group) for group in groups]
    return [f"duplicate slices, different images at the same position: {listed(pairs)}"]


def _irregularities(headers: Sequence[ImageHeader], along: FloatArray, spacing: float, start: float) -> list[str]:
    if spacing <= 0:
        return ["all slices lie at the same position"]
    place = (along - start) / spacing
    index = np.rint(place)
    off = np.abs(place - index) * spacing > max(POSITION_TOLERANCE * spacing, ROUNDING_MM)
    problems = []
    if off.any():
        steps = np.diff(along)
        steps = steps[steps > 0.01]
        odd = [f"{headers[n].name} at {along[n]:.2f} mm" for n in map(int, np.flatnonzero(off))]
        problems.append(
            f"the slices are not evenly spaced ({steps.min():.2f} to {steps.max():.2f} mm, mostly {spacing:.2f}): {listed(odd)}"
        )
    held = {int(value) for value in index[~off]}
    span = range(min(held, default=0), max(held, default=0) + 1)
    if len(span) > 20 * len(along):
        return [*problems, f"slices lie up to {along[-1] - along[0]:.0f} mm apart, so most of the stack is missing"]
    gaps = [number for number in span if number not in held]
    if gaps:
        places = [f"{start + number * spacing:.2f} mm" for number in gaps]
        problems.append(f"{len(gaps)} slices are missing, at {listed(places)} along the stack")
    return problems


def _sideways(headers: Sequence[ImageHeader], positions: FloatArray, along: FloatArray, axes: FloatArray) -> list[str]:
    """Find a tilted gantry (steady drift) and single slices that lie off the line."""
    lateral = positions @ axes[:2].T
    steps = np.diff(along)
    usable = steps > 0.01
    if not usable.any():
        return []
    drift = np.median(np.diff(lateral, axis=0)[usable] / steps[usable, None], axis=0)
    length = float(along[-1] - along[0])
    problems = []
    if float(np.linalg.norm(drift)) * length > DRIFT_TOLERANCE_MM:
        tilt = float(np.degrees(np.arctan(np.linalg.norm(drift))))
        problems.append(
            f"the gantry was tilted: the slices drift sideways by {tilt:.1f} degrees, so the stack is sheared; "
            "use a series that was reconstructed without tilt"
        )
    rest = lateral - np.outer(along, drift)
    rest = np.linalg.norm(rest - np.median(rest, axis=0), axis=1)
    spacing = np.array(headers[0].pixel_spacing)
    off = np.flatnonzero(rest > max(0.1 * float(spacing.min()), ROUNDING_MM))
    if off.size:
        odd = [f"{headers[n].name} by {rest[n]:.2f} mm" for n in map(int, off)]
        problems.append(f"slices lie sideways of the others: {listed(odd)}")
    return problems


def _numbering(headers: Sequence[ImageHeader]) -> tuple[list[str], list[str]]:
    """Compare the order of the instance numbers with that of the positions."""
    numbers = [header.instance_number for header in headers]
    if len(headers) < 3 or any(number is None for number in numbers):
        return [], []
    values = np.array(numbers, dtype=np.float64)
    if np.unique(values).size < len(values):
        return [], ["several slices have the same instance number; they were ordered by position"]
    order = np.argsort(np.argsort(values)).astype(np.float64)
    ranks = np.arange(len(values), dtype=np.float64)
    correlation = float(np.corrcoef(order, ranks)[0, 1])
    if abs(correlation) < 0.5:
        return [], ["the instance numbers follow another order than the positions; the slices were ordered by position"]
    expected = ranks if correlation > 0 else ranks[::-1]
    odd = np.flatnonzero(np.abs(order - expected) >= 1)
    # One slice out of its order moves all between by one: name those that moved most.
    if odd.size > 2:
        moved = np.abs(order - expected)[odd]
        odd = odd[moved >= max(moved.max() * 0.5, 1)]
    if odd.size:
        names = listed(headers[n].name for n in map(int, odd))
        return [f"number and position contradict each other, so slices may be swapped: {names}"], []
    return [], []


def _stated_tilt(headers: Sequence[ImageHeader]) -> list[str]:
    tilts = [abs(header.tilt_deg) for header in headers if header.tilt_deg is not None]
    if tilts and float(np.median(tilts)) > 0.5:
        return [f"the headers state a gantry tilt of {np.median(tilts):.1f} degrees, but the slices are stacked straight"]
    return []


def thickness_problems(headers: Sequence[ImageHeader], spacing_mm: float, pixel_mm: float) -> tuple[list[str], list[str]]:
    """Judge spacing, stated slice thickness and pixel size for planning; returns problems and warnings."""
    stated = [header.slice_thickness_mm for header in headers if header.slice_thickness_mm is not None]
    thickness = float(np.median(stated)) if stated else 0.0
    problems: list[str] = []
    warnings: list[str] = []
    for what, size in (
        ("the distance between slices", spacing_mm),
        ("the slice thickness", thickness),
        ("the pixel size", pixel_mm),
    ):
        if size >= REFUSE_SLICE_MM + SIZE_ROUNDING_MM:
            problems.append(
                f"{what} is {size:.2f} mm; planning needs {REFUSE_SLICE_MM:g} mm or less, better {WARN_SLICE_MM:g} mm"
            )
        elif size >= WARN_SLICE_MM + SIZE_ROUNDING_MM:
            warnings.append(f"{what} is {size:.2f} mm: small branches will be missed ({WARN_SLICE_MM:g} mm or less is better)")
    return problems, warnings
