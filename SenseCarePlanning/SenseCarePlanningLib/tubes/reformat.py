"""Reformatted pictures of a scan along a vessel: values on a sheet, thin or as a thick slab, prepared once and cut fast."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from ..geometry import FloatArray
from ..volume import Volume
from .section_planes import SplineBox, spline_box
from .sheets import Sheet
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
        Cubic spline coefficients of the part around the vessel, for thin pictures; its values, for slabs, are in ``box.volume``.
    """

    box: SplineBox

    @classmethod
    def around(cls, volume: Volume, line: TubeLine, reach_mm: float = 25.0) -> Reformatter:
        """Prepare the part of a scan within a box ``reach_mm`` wider than the vessel on each side.

        Raises
        ------
        ValueError
            When the vessel lies outside the scan.
        """
        return cls(spline_box(volume, line.points_lps_mm, reach_mm))

    def cut(self, sheet: Sheet, thickness_mm: float = 0.0, slab: Slab = Slab.MEAN) -> ReformatImage:
        """Cut one sheet.

        A thin sheet (thickness 0) is sampled by cubic splines, which blur nothing; the layers of a slab, centred on the
        sheet and stacked along its normal, linearly: a slab blurs by far more.

        Raises
        ------
        ValueError
            When the thickness is negative.
        """
        if thickness_mm < 0:
            raise ValueError(f"a slab needs a thickness of 0 or more, got {thickness_mm} mm")
        layers = int(np.ceil(thickness_mm / LAYER_MM - 1e-9)) + 1
        rows = self._rows(sheet)
        if layers == 1:
            return ReformatImage(self._sampled(rows, sheet, 0.0, 3), sheet)
        joined: Float32Array | None = None
        for depth in np.linspace(-0.5, 0.5, layers) * thickness_mm:
            layer = self._sampled(rows, sheet, float(depth), 1)
            joined = layer if joined is None else _JOINED[slab](joined, layer)
        assert joined is not None
        return ReformatImage(np.asarray(joined / layers if slab is Slab.MEAN else joined, dtype=np.float32), sheet)

    def _rows(self, sheet: Sheet) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return origin, direction and normal (rows, 3) of the sheet's rows in array indices, the last two per mm."""
        origin, direction, normal = sheet.rulings(sheet.down_mm)
        grid = self.box.volume.grid
        turn = np.linalg.inv(grid.affine_ijk_to_lps[:3, :3]).T[:, ::-1]
        return grid.kji_from_lps(origin), direction @ turn, normal @ turn

    def _sampled(
        self, rows: tuple[FloatArray, FloatArray, FloatArray], sheet: Sheet, depth_mm: float, order: int
    ) -> Float32Array:
        origin, direction, normal = rows
        start = origin + depth_mm * normal
        index = start.T[:, :, None] + direction.T[:, :, None] * sheet.across_mm
        source = self.box.coefficients if order == 3 else self.box.volume.array_kji
        values = np.empty((sheet.rows, sheet.columns), dtype=np.float32)
        mode = "mirror" if order == 3 else "nearest"
        map_coordinates(source, index, order=order, mode=mode, prefilter=False, output=values)
        last = np.array(self.box.volume.array_kji.shape) - 0.5
        ends = start.T[:, :, None] + direction.T[:, :, None] * sheet.across_mm[[0, -1]]
        if (ends < -0.5).any() or (ends > last[:, None, None]).any():
            values[((index < -0.5) | (index > last[:, None, None])).any(axis=0)] = np.nan
        return values


_JOINED = {Slab.MEAN: np.add, Slab.MIP: np.maximum, Slab.MINIP: np.minimum}
