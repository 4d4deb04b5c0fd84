"""The five lobes: two lungs parted by curved fissures, in the chest template."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .chest import Axes
from .fields import Float32Array

RUL, RML, RLL, LUL, LLL = 1, 2, 3, 4, 5
LOBE_NAMES = {RUL: "RUL", RML: "RML", RLL: "RLL", LUL: "LUL", LLL: "LLL"}


@dataclass(frozen=True)
class FissureShape:
    """Height and slope of the fissures, template mm; the oblique ones run down from the back to the front."""

    right_height: float = -57.0
    left_height: float = -50.0
    slope: float = 1.02
    horizontal_height: float = -33.0
    bow: float = 7.0


def varied_fissures(rng: np.random.Generator) -> FissureShape:
    """Return the fissures of one patient."""
    return FissureShape(
        right_height=-57.0 + float(rng.uniform(-4.0, 3.0)),
        left_height=-50.0 + float(rng.uniform(-4.0, 3.0)),
        slope=1.02 + float(rng.uniform(-0.06, 0.06)),
        horizontal_height=-33.0 + float(rng.uniform(-2.0, 3.0)),
        bow=7.0 + float(rng.uniform(-3.0, 3.0)),
    )


@dataclass(frozen=True, eq=False)
class Lobes:
    """Signed distances in mm on one lattice, negative inside.

    Parameters
    ----------
    distance
        Lobe label -> distance to the lobe.
    oblique, horizontal
        Distance to the fissure surfaces, either sign.
    horizontal_limit
        Negative where the horizontal fissure exists.
    """

    distance: dict[int, Float32Array]
    oblique: Float32Array
    horizontal: Float32Array
    horizontal_limit: Float32Array


def part_lungs(axes: Axes, right_mm: Float32Array, left_mm: Float32Array, shape: FissureShape, scale: float) -> Lobes:
    """Part two lungs, given as signed distances in mm, along their fissures."""
    x, y, z = axes
    steep = np.sqrt(1.0 + shape.slope**2)
    bow = shape.bow * np.sin((y + 70.0) / 160.0 * np.pi)
    sag = 6.0 * ((np.abs(x) - 70.0) / 60.0) ** 2
    right_oblique = np.asarray(scale * (shape.right_height + shape.slope * y + bow + sag - z) / steep, dtype=np.float32)
    left_oblique = np.asarray(scale * (shape.left_height + shape.slope * y + bow + sag - z) / steep, dtype=np.float32)
    dome = 5.0 * (1.0 - ((-x - 75.0) / 50.0) ** 2) - 0.10 * (y + 20.0)
    horizontal = np.asarray(scale * (shape.horizontal_height + dome - z), dtype=np.float32)
    distance = {
        RUL: np.maximum.reduce([right_mm, right_oblique, horizontal]),
        RML: np.maximum.reduce([right_mm, right_oblique, -horizontal]),
        RLL: np.maximum(right_mm, -right_oblique),
        LUL: np.maximum(left_mm, left_oblique),
        LLL: np.maximum(left_mm, -left_oblique),
    }
    on_right = np.broadcast_to(x < 0.0, right_mm.shape)
    return Lobes(
        distance=distance,
        oblique=np.where(on_right, right_oblique, left_oblique).astype(np.float32),
        horizontal=np.asarray(np.broadcast_to(horizontal, right_mm.shape), dtype=np.float32),
        horizontal_limit=np.maximum(right_mm, right_oblique),
    )
