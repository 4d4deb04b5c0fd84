"""The CT that a result was made on: in the scene, in the DICOM database, or in the result's scene file."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from SenseCarePlanningLib.case_folder import RUN_RECORD, SCENE, read_case
from SenseCarePlanningLib.errors import InputError

from .cases import load_series
from .dicom_database import opened_database, series_of
from .texts import tr as _

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
TOLERANCE_MM = 1e-3
"""Scene files keep directions as text; two grids nearer than this are the same."""
IMAGE_ENDING, SEGMENTATION_ENDING = ".nrrd", ".seg.nrrd"


def volume_of_result(folder: Path) -> Any:
    """Return the volume node of a result's CT, loaded if the scene does not hold it.

    The DICOM database goes before the result's scene file: only a CT from there knows whose it is.

    Raises
    ------
    InputError
        If it is neither in the scene, nor in the database, nor in the result.
    """
    size, affine = _grid(folder)
    series = read_case(folder).study.series_uid or ""
    for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        if _lies_on(node, size, affine) and not _is_of_another_series(node, series):
            return node
    database = opened_database()
    if series and database is not None and database.instancesForSeries(series):
        node = load_series(series)
        if _lies_on(node, size, affine):
            return node
    node = _from_scene_file(folder / SCENE)
    if node is not None and _lies_on(node, size, affine):
        return node
    if node is not None:
        slicer.mrmlScene.RemoveNode(node)
    raise InputError(_("The CT of this result is not open; show the CT in the views first, then continue."))


def _is_of_another_series(node: Any, series: str) -> bool:
    """Tell whether a volume is known to come from another series: one scanner gives many patients the same grid."""
    own = series_of(node)
    return bool(series and own) and own != series


def _grid(folder: Path) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Return the result's image size (i, j, k) and its matrix to RAS mm."""
    try:
        geometry = json.loads((folder / RUN_RECORD).read_text(encoding="utf-8"))["input_geometry"]
        size = tuple(int(value) for value in geometry["shape_kji"][::-1])
        affine = LPS_TO_RAS @ np.array(geometry["affine_ijk_to_lps"], dtype=np.float64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(_("This result is damaged; make the plan again."), detail=str(error)) from error
    return size, affine


def _lies_on(node: Any, size: tuple[int, ...], affine: NDArray[np.float64]) -> bool:
    """Tell whether a volume is the one of a grid: where it is seen, or, when it was moved since, where it was loaded."""
    from SenseCarePlanningMRML.volume_nodes import world_ijk_to_ras

    image = node.GetImageData()
    if image is None or tuple(image.GetDimensions()) != size:
        return False
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    own = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
    # The far corner tells a difference in direction that the entries themselves hide.
    corners = np.array([[0.0, 0.0, 0.0, 1.0], [*(one - 1.0 for one in size), 1.0]]).T
    places = [one for one in (world_ijk_to_ras(node), own) if one is not None]
    return any(bool(np.abs((one - affine) @ corners).max() < TOLERANCE_MM * max(size)) for one in places)


def _from_scene_file(path: Path) -> Any:
    """Load the one image of a scene file, without what was made from it; None when there is none."""
    if not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            images = [one for one in archive.namelist() if one.endswith(IMAGE_ENDING) and not one.endswith(SEGMENTATION_ENDING)]
            if len(images) != 1:
                return None
            root = Path(str(slicer.app.temporaryPath))
            root.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix="sensecare-", dir=root))
            try:
                image = scratch / f"CT{IMAGE_ENDING}"
                with archive.open(images[0]) as source, image.open("wb") as target:
                    shutil.copyfileobj(source, target)
                node = slicer.util.loadVolume(str(image), {"name": "CT"})
                # The scratch file goes; without it as its storage, the volume is saved with the scene like a new one.
                slicer.mrmlScene.RemoveNode(node.GetStorageNode())
                return node
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    except (OSError, zipfile.BadZipFile):
        return None
