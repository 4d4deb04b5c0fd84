"""Reformatted pictures of a scan along a vessel: values on a sheet, thin or as a thick slab, prepared once and cut fast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from ..volume import Volume
from .section_planes import SplineBox, spline_box
from .sheets import Sheet
from .slab_sampling import RuledRows, sample_slab
from .tube_line import TubeLine

Float32Array = NDArray[np.float32]

LAYER_MM = 0.4
"""Greatest distance between the layers of a slab: about a voxel of a coronary scan."""


class Slab(Enum):
    """What becomes of the layers of a thick slab: their mean, the brightest or the darkest."""

    MEAN = "mean"
    MIP = "mip"
    MINIP = "minip"


@dataclass(frozen=True, eq=False)
class ReformatImage:
    """A picture with its place in the patient: HU (rows, columns), NaN outside the scan."""

    values_hu: Float32Array = field(repr=False)
    sheet: Sheet


@dataclass(frozen=True, eq=False)
class Reformatter:
    """A scan prepared around one vessel, from which sheets are cut.

    Parameters
    ----------
    box
        Cubic spline coefficients of the part around the vessel, for thin pictures.
    values_kji
        The same part's values, for slabs.
    """

    box: SplineBox
    values_kji: NDArray[Any] = field(repr=False)

    @classmethod
    def around(cls, volume: Volume, line: TubeLine, reach_mm: float = 25.0) -> Reformatter:
        """Prepare the part of a scan within a box ``reach_mm`` wider than the vessel on each side.

        Raises
        ------
        ValueError
            When the vessel lies outside the scan.
        """
        box = spline_box(volume, line.points_lps_mm, reach_mm)
        return cls(box, np.ascontiguousarray(box.volume.array_kji))

    def cut(
        self, sheet: Sheet, thickness_mm: float = 0.0, slab: Slab = Slab.MEAN, stride: int = 1, layer_mm: float = LAYER_MM
    ) -> ReformatImage:
        """Cut one sheet.

        A thin sheet (thickness 0) is sampled by cubic splines, which blur nothing; the layers of a slab, centred on the
        sheet and stacked along its normal, linearly: a slab blurs by far more.

        Parameters
        ----------
        stride
            Only every so many pixels are sampled and those between interpolated: for thick slabs while a mouse drags.
        layer_mm
            Greatest distance between layers; half as much again when pixels are left out.

        Raises
        ------
        ValueError
            When the thickness is negative.
        """
        if thickness_mm < 0:
            raise ValueError(f"a slab needs a thickness of 0 or more, got {thickness_mm} mm")
        if stride > 1:
            size = (-(-sheet.rows // stride), -(-sheet.columns // stride))
            coarse = replace(sheet, rows=size[0], columns=size[1], pixel_mm=stride * sheet.pixel_mm)
            return ReformatImage(
                _enlarged(self.cut(coarse, thickness_mm, slab, layer_mm=1.5 * layer_mm).values_hu, sheet, stride), sheet
            )
        layers = int(np.ceil(thickness_mm / layer_mm - 1e-9)) + 1
        rows = self._rows(sheet)
        if layers == 1:
            return ReformatImage(self._thin(rows, sheet), sheet)
        depths = np.linspace(-0.5, 0.5, layers) * thickness_mm
        values = sample_slab(self.values_kji, rows, sheet.across_mm, depths, _JOINED[slab])
        for depth in depths[[0, -1]]:  # rows are straight: what leaves the scan does so in the first layer or the last
            self._blank(values, rows, sheet, float(depth))
        return ReformatImage(values, sheet)

    def _rows(self, sheet: Sheet) -> RuledRows:
        """Return the sheet's rows in array indices."""
        origin, direction, normal = sheet.rulings(sheet.down_mm)
        grid = self.box.volume.grid
        turn = np.linalg.inv(grid.affine_ijk_to_lps[:3, :3]).T[:, ::-1]
        return RuledRows(grid.kji_from_lps(origin), direction @ turn, normal @ turn)

    def _thin(self, rows: RuledRows, sheet: Sheet) -> Float32Array:
        """Return values by cubic splines."""
        index = rows.origin.T[:, :, None] + rows.direction.T[:, :, None] * sheet.across_mm
        values = np.empty((sheet.rows, sheet.columns), dtype=np.float32)
        map_coordinates(self.box.coefficients, index, order=3, mode="mirror", prefilter=False, output=values)
        self._blank(values, rows, sheet, 0.0)
        return values

    def _blank(self, values: Float32Array, rows: RuledRows, sheet: Sheet, depth_mm: float) -> None:
        """Write NaN where a layer leaves the scan."""
        last = np.array(self.values_kji.shape)[:, None, None] - 0.5
        start = (rows.origin + depth_mm * rows.normal).T[:, :, None]
        direction = rows.direction.T[:, :, None]
        ends = start + direction * sheet.across_mm[[0, -1]]
        if (ends < -0.5).any() or (ends > last).any():
            index = start + direction * sheet.across_mm
            values[((index < -0.5) | (index > last)).any(axis=0)] = np.nan


def _enlarged(values: Float32Array, sheet: Sheet, stride: int) -> Float32Array:
    """Return a coarse picture on the pixels of the fine one, linearly."""
    for axis, count in ((0, sheet.rows), (1, sheet.columns)):
        place = np.clip((np.arange(count) + 0.5) / stride - 0.5, 0.0, values.shape[axis] - 1.0)
        low = np.minimum(place.astype(np.int64), max(values.shape[axis] - 2, 0))
        part = (place - low).astype(np.float32)
        part = part[:, None] if axis == 0 else part[None]
        next_one = np.minimum(low + 1, values.shape[axis] - 1)
        values = (1.0 - part) * values.take(low, axis=axis) + part * values.take(next_one, axis=axis)
    return np.asarray(values, dtype=np.float32)


_JOINED: dict[Slab, Callable[[Float32Array], Float32Array]] = {
    Slab.MEAN: lambda layers: np.asarray(layers.mean(axis=1)),
    Slab.MIP: lambda layers: np.asarray(layers.max(axis=1)),
    Slab.MINIP: lambda layers: np.asarray(layers.min(axis=1)),
}
