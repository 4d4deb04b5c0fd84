"""Images of the scene for the computation, of any organ: in patient space, transforms above them taken along.

What touches the scene is quick and belongs to the window's thread; it shares the node's memory. What takes time (converting,
resampling, writing) is of plain data, so that it can go on beside the window.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import slicer
from vtk import vtkMatrix4x4

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.volume import Grid, LabelMap, Volume, canonical_affine
from SenseCarePlanningMRML.coordinates import affine_from_ras_matrix
from SenseCarePlanningMRML.segmentation_nodes import shared_labels
from SenseCarePlanningMRML.volume_nodes import shared_volume_of

from .dicom_database import opened_database
from .texts import tr as _

MARGIN_MM = 10.0
"""Room around a segment that is planned on without a CT, and around the target beside it."""
SAME_VOXEL = 1e-2
"""Two grids whose voxels are nearer than this part of a voxel are the same."""


@contextmanager
def in_world(node: Any) -> Iterator[Any]:
    """Give the node itself, or, under a warp, a copy that Slicer resamples, gone afterwards."""
    transform = node.GetParentTransformNode()
    if transform is None or transform.IsTransformToWorldLinear():
        yield node
        return
    scene = node.GetScene()
    copy = scene.AddNewNodeByClass(node.GetClassName(), f"{node.GetName()} in place")
    try:
        copy.CopyContent(node)
        copy.SetHideFromEditors(True)
        copy.SetAndObserveTransformNodeID(node.GetTransformNodeID())
        copy.HardenTransform()
        yield copy
    finally:
        scene.RemoveNode(copy)


def _placed(affine_ijk_to_lps: Any, node: Any) -> Any:
    """Take a grid through the linear transforms above its node."""
    transform = node.GetParentTransformNode()
    if transform is None:
        return affine_ijk_to_lps
    matrix = vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    # The matrix leads from RAS to RAS; both ends flipped, it leads from LPS to LPS.
    return affine_from_ras_matrix(matrix) @ np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine_ijk_to_lps


def shared_ct(volume_node: Any) -> Volume:
    """Return a CT of the scene in patient space; the array is the node's memory, of whatever number type it has.

    Raises
    ------
    InputError
        When the node holds no image, or one that is no single-channel volume.
    """
    image = volume_node.GetImageData() if volume_node is not None else None
    if image is None or image.GetNumberOfPoints() == 0:
        raise InputError(_("This volume holds no image; choose a CT that is loaded."))
    if image.GetNumberOfScalarComponents() != 1 or min(image.GetDimensions()) < 2:
        raise InputError(_("This volume is not a single three-dimensional image; choose a CT."))
    with in_world(volume_node) as placed:
        volume = shared_volume_of(placed)
        return replace(volume, affine_ijk_to_lps=canonical_affine(_placed(volume.affine_ijk_to_lps, placed)))


def plain_ct(volume: Volume) -> Volume:
    """Return a CT in one of the number types that the computation takes; a copy only where it must be."""
    array = volume.array_kji
    if array.dtype in (np.int16, np.float32):
        return volume
    whole = np.issubdtype(array.dtype, np.integer)
    kind = np.int16 if whole and float(array.min()) >= -32768 and float(array.max()) <= 32767 else np.float32
    return replace(volume, array_kji=array.astype(kind))


def ct_of(volume_node: Any) -> Volume:
    """Return a CT of the scene in patient space, its array a copy; see :func:`shared_ct`."""
    volume = shared_ct(volume_node)
    plain = plain_ct(volume)
    return plain if plain is not volume else replace(volume, array_kji=volume.array_kji.copy())


def write_nrrd(volume: Volume, path: Any) -> None:
    """Write a CT as an uncompressed NRRD file."""
    volume = plain_ct(volume)
    array, affine = volume.array_kji, volume.affine_ijk_to_lps
    axes = " ".join("(" + ",".join(repr(float(value)) for value in affine[:3, column]) + ")" for column in range(3))
    lines = [
        "NRRD0004",
        f"type: {'short' if array.dtype == np.int16 else 'float'}",
        "dimension: 3",
        "space: left-posterior-superior",
        "sizes: " + " ".join(str(size) for size in array.shape[::-1]),
        f"space directions: {axes}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: raw",
        "space origin: (" + ",".join(repr(float(value)) for value in affine[:3, 3]) + ")",
    ]
    with open(path, "wb") as stream:
        stream.write(("\n".join(lines) + "\n\n").encode())
        stream.flush()
        for plane in array:
            np.ascontiguousarray(plane, dtype=array.dtype.newbyteorder("<")).tofile(stream)


@dataclass(frozen=True, eq=False)
class Drawn:
    """One segment as it lies in the scene's memory: label map in patient space, and its value in it."""

    labels: LabelMap
    value: int
    name: str


def drawn_segment(segmentation_node: Any, segment_id: Any) -> Drawn:
    """Return a segment in patient space, transforms taken along; quick, nothing is copied.

    Raises
    ------
    InputError
        When the segment is missing or was never painted.
    """
    with in_world(segmentation_node) as placed:
        try:
            labels, value = shared_labels(placed, segment_id)
        except (KeyError, AttributeError) as error:
            raise InputError(_("This segment is empty; paint it first.")) from error
        return Drawn(replace(labels, affine_ijk_to_lps=_placed(labels.affine_ijk_to_lps, placed)), value, str(segment_id))


def on_grid(drawn: Drawn, grid: Grid) -> LabelMap:
    """Return a segment on a grid, nearest voxel.

    Raises
    ------
    InputError
        When the segment is empty, or lies outside the grid.
    """
    mask = drawn.labels.array_kji == drawn.value
    if not mask.any():
        raise InputError(_("This segment is empty; paint it first."))
    shift = _whole_shift(drawn.labels.grid, grid)
    found = _resampled(mask, drawn.labels.grid, grid) if shift is None else _shifted(mask, shift, grid.shape_kji)
    if not found.any():
        raise InputError(_("This segment lies outside the CT; choose one that was drawn on it."))
    return LabelMap(found, grid.affine_ijk_to_lps, {1: drawn.name})


def segment_on(grid: Any, segmentation_node: Any, segment_id: Any) -> LabelMap:
    """Return one segment of the scene on a grid; see :func:`drawn_segment` and :func:`on_grid`."""
    return on_grid(drawn_segment(segmentation_node, segment_id), grid)


def own_grid(segmentation_node: Any, segment_id: Any, point_lps_mm: Any = None) -> LabelMap:
    """Return a segment on its own grid, with room around it: a scene keeps no more of the grid than the segment fills.

    Parameters
    ----------
    point_lps_mm
        A point (3,) that the grid shall hold; None for none.
    """
    drawn = drawn_segment(segmentation_node, segment_id)
    grid, shape = drawn.labels.grid, np.array(drawn.labels.grid.shape_kji)
    low, high = np.zeros(3), shape - 1.0
    if point_lps_mm is not None:
        at = grid.kji_from_lps(np.array(point_lps_mm, dtype=np.float64))
        low, high = np.minimum(low, at), np.maximum(high, at)
    margin = np.ceil(MARGIN_MM / np.array(grid.spacing_kji_mm))
    first, last = np.floor(low - margin).astype(int), np.ceil(high + margin).astype(int)
    affine = grid.affine_ijk_to_lps.copy()
    affine[:3, 3] = grid.lps_from_kji(first.astype(float))
    size = tuple(int(value) for value in last - first + 1)
    return on_grid(drawn, Grid((size[0], size[1], size[2]), affine))


def _whole_shift(source: Grid, grid: Grid) -> Any:
    """Return where the source's first voxel lies on the grid (k, j, i) when both share their voxels, else None."""
    corners = np.array([[0, 0, 0], np.array(source.shape_kji) - 1], dtype=np.float64)
    there = grid.kji_from_lps(source.lps_from_kji(np.vstack([corners, np.diag(corners[1])])))
    shift = np.rint(there[0]).astype(int)
    wanted = np.vstack([corners, np.diag(corners[1])]) + shift
    return shift if np.abs(there - wanted).max() < SAME_VOXEL else None


def _shifted(mask: Any, shift: Any, shape: Any) -> Any:
    found = np.zeros(shape, dtype=np.uint8)
    low, high = np.maximum(shift, 0), np.minimum(shift + np.array(mask.shape), shape)
    if (high > low).all():
        inner = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, shift, strict=True))
        found[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = mask[inner]
    return found


def _resampled(mask: Any, source: Grid, grid: Grid) -> Any:
    """Walk the target grid within the segment's box, so that a segment drawn on a coarser grid leaves no holes."""
    found = np.zeros(grid.shape_kji, dtype=np.uint8)
    size = np.array(grid.shape_kji)
    voxels = np.argwhere(mask)
    corners = np.stack(np.meshgrid(*zip(voxels.min(axis=0) - 0.5, voxels.max(axis=0) + 0.5, strict=True)), axis=-1).reshape(-1, 3)
    there = grid.kji_from_lps(source.lps_from_kji(corners))
    low = np.clip(np.floor(there.min(axis=0)).astype(int), 0, size)
    high = np.clip(np.ceil(there.max(axis=0)).astype(int) + 1, 0, size)
    for k in range(int(low[0]), int(high[0])):
        plane = np.stack(np.meshgrid([k], range(low[1], high[1]), range(low[2], high[2]), indexing="ij"), axis=-1)[0]
        back = np.rint(source.kji_from_lps(grid.lps_from_kji(plane.astype(float)))).astype(int)
        inside = ((back >= 0) & (back < mask.shape)).all(axis=-1)
        kept = np.clip(back, 0, np.array(mask.shape) - 1)
        found[k, low[1] : high[1], low[2] : high[2]] = inside & mask[kept[..., 0], kept[..., 1], kept[..., 2]]
    return found


def point_of(markups_node: Any) -> Any:
    """Return the first placed point (3,) of a markups node in LPS mm, None without one."""
    if markups_node is None:
        return None
    placed = slicer.vtkMRMLMarkupsNode.PositionDefined
    for at in range(markups_node.GetNumberOfControlPoints()):
        if markups_node.GetNthControlPointPositionStatus(at) == placed:
            x, y, z = markups_node.GetNthControlPointPositionWorld(at)
            return (-x, -y, z)
    return None


def point_of_target(target: Any) -> Any:
    """Return a target's point (3,) in LPS mm: of a markups node, or of (r, a, s); None for a segment and for none."""
    if target is None or hasattr(target, "GetNthControlPointPositionWorld"):
        return point_of(target)
    if len(target) == 2:
        return None
    r, a, s = (float(value) for value in target)
    return (-r, -a, s)


def dicom_files_of(volume_node: Any) -> tuple[str, ...]:
    """Return the DICOM files that Slicer loaded a volume from; none when its database does not hold all of them."""
    instances = (volume_node.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = opened_database()
    if not instances or database is None:
        return ()
    first = str(database.fileForInstance(instances[0]))
    series = database.filesForSeries(database.seriesForFile(first)) if first else ()
    # The whole series in one question; a volume of a part of it asks for each image.
    files = series if len(series) == len(instances) else [database.fileForInstance(uid) for uid in instances]
    return tuple(str(path) for path in files) if all(files) else ()
