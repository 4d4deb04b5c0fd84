"""What is known of calcium in a wall before the scan is asked: little of it, in plates rather than skins, within the wall.

Sub-voxel skins of calcium all round would explain any edge as well as a wider lumen does; that plates are few and thick is
what tells the two apart. The numbers are chosen; they are wide enough for plates of 0.3 to 2 mm, 600 to 1400 HU, on the lumen
or deep in the plaque.
"""

from __future__ import annotations

import numpy as np

from SenseCarePlanningLib.geometry import FloatArray

from .section_knowledge import add_bends
from .section_model import (
    ANGLES,
    FROM_GAPS,
    FROM_PLATES,
    GAP,
    GAP_ANGLES,
    LUMEN,
    OUTER,
    PARAMETERS,
    PLATE,
    PLATE_ANGLES,
    SHAPE,
    WITH_CALCIUM,
)

LEVEL_HU, LEVEL_SD_HU, LEVEL_RANGE_HU = 950.0, 200.0, (500.0, 1600.0)
"""Level of solid calcified plaque in coronary CT angiography: 600 to 1400 HU with a margin."""
GAP_MM = 0.15
_GAP_SD_MM, _GAP_STEP_SD_MM, _GAP_BEND = 0.2, 0.2, 2.0
_THICK_SD_MM, _THICK_STEP_SD_MM, _THICK_BEND = 2.0, 0.6, 5.0
_ALIKE_PLATES, _ALIKE_GAPS = 8.0, 4.0
"""So many neighbouring angles count as one: a smooth thickness is not told 32 times."""
_LITTLE, _LITTLE_MM = 0.75, 0.3
"""Cost of the first mm of calcium at one angle of a section, and where it flattens: a plate costs what skins add up to. With 1.0
specks beside a hairline stay lumen; with 0.5 the glare of a stent makes calcium of the healthy wall beside it."""
_PLAQUE_HU, _USUAL_EXCESS_HU = 60.0, 900.0
_WALL_LEFT_MM, _WALL_LEFT_SD_MM = 0.1, 0.1
_PRESENT_MM = 0.05


def _alike(count: int, sd: float) -> FloatArray:
    """Return the quadratic form of differences between neighbours on a ring."""
    steps = np.eye(count) - np.roll(np.eye(count), 1, axis=1)
    return np.asarray(steps.T @ steps / sd**2)


def _usual_form() -> FloatArray:
    form = np.zeros((WITH_CALCIUM, WITH_CALCIUM))
    form[PLATE, PLATE] = (_alike(PLATE_ANGLES, _THICK_STEP_SD_MM) + np.eye(PLATE_ANGLES) / _THICK_SD_MM**2) / _ALIKE_PLATES
    form[GAP, GAP] = (_alike(GAP_ANGLES, _GAP_STEP_SD_MM) + np.eye(GAP_ANGLES) / _GAP_SD_MM**2) / _ALIKE_GAPS
    return form


def _beyond_form() -> FloatArray:
    """Return (32, 60): how far lumen and calcium reach beyond the outer wall at each angle, but for the gap."""
    turn = 2.0 * np.pi * np.arange(ANGLES) / ANGLES
    rays = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    form = np.zeros((ANGLES, WITH_CALCIUM))
    form[:, LUMEN], form[:, OUTER] = np.hstack([rays, SHAPE]), -np.hstack([rays, SHAPE])
    form[:, PLATE] = FROM_PLATES
    return form


_USUAL, _BEYOND = _usual_form(), _beyond_form()
_CENTRE = np.where(np.arange(WITH_CALCIUM) >= GAP.start, GAP_MM, 0.0)
_OWN = np.arange(PARAMETERS, WITH_CALCIUM)


def add_calcium_knowledge(
    bands: list[FloatArray], pull: FloatArray, values: FloatArray, level_hu: float, step_mm: float
) -> tuple[float, float]:
    """Add what is known of calcium to the normal matrix and the gradient.

    Parameters
    ----------
    bands, pull, values
        Blocks (N, 60, 44) by offset, gradient (N, 60), parameters (N, 60).

    Returns
    -------
    cost, pull_level
        Minus the logarithm of the prior, and its pull on the level of solid calcium.
    """
    away = values - _CENTRE
    away[:, :PARAMETERS] = 0.0
    pulled = away @ _USUAL
    bands[0] += _USUAL
    pull -= pulled
    cost = 0.5 * float((away * pulled).sum())
    thick = np.maximum(values[:, PLATE], 0.0)
    relative = (level_hu - _PLAQUE_HU) / _USUAL_EXCESS_HU
    amount = _LITTLE * _LITTLE_MM * float(np.log1p(thick / _LITTLE_MM).sum())
    pull[:, PLATE] -= _LITTLE * relative / (1.0 + thick / _LITTLE_MM)
    cost += relative * amount + 0.5 * ((level_hu - LEVEL_HU) / LEVEL_SD_HU) ** 2
    cost += _smooth(bands, pull, values, step_mm) + _within_wall(bands, pull, values)
    return cost, -amount / _USUAL_EXCESS_HU - (level_hu - LEVEL_HU) / LEVEL_SD_HU**2


def _smooth(bands: list[FloatArray], pull: FloatArray, values: FloatArray, step_mm: float) -> float:
    sd = np.where(GAP.start > _OWN, _THICK_BEND, _GAP_BEND) * step_mm**2
    second = add_bends(bands, pull, values, 1.0 / sd**2, _OWN)
    return 0.5 * float(((second / sd) ** 2).sum())


def _within_wall(bands: list[FloatArray], pull: FloatArray, values: FloatArray) -> float:
    """Keep calcium within the outer wall: a one-sided spring at each angle."""
    present = values[:, PLATE] @ FROM_PLATES.T > _PRESENT_MM
    beyond = values @ _BEYOND.T + np.where(present, values[:, GAP] @ FROM_GAPS.T, 0.0) + _WALL_LEFT_MM
    beyond = np.maximum(beyond, 0.0)
    stiff = 1.0 / (_ALIKE_PLATES * _WALL_LEFT_SD_MM**2)
    for at in np.flatnonzero(beyond.any(axis=1)):
        rows = _BEYOND[beyond[at] > 0.0].copy()
        rows[:, GAP] = np.where(present[at], 1.0, 0.0)[beyond[at] > 0.0, None] * FROM_GAPS[beyond[at] > 0.0]
        pull[at] -= stiff * beyond[at][beyond[at] > 0.0] @ rows
        bands[0][at] += stiff * rows.T @ rows
    return 0.5 * stiff * float((beyond**2).sum())
