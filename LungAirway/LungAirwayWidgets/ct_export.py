"""Images of the scene as files for the child process: in patient space, transforms above them taken along."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import slicer

from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.volume import LabelMap, Volume
from SenseCarePlanningMRML.segmentation_nodes import segment_labels
from SenseCarePlanningMRML.volume_nodes import volume_of
from SenseCarePlanningWidgets.texts import tr as _


@contextmanager
def in_world(node: Any) -> Iterator[Any]:
    """Give the node itself when nothing moves it, else a copy with its transforms hardened, gone afterwards."""
    if node.GetParentTransformNode() is None:
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


def ct_of(volume_node: Any) -> Volume:
    """Return a CT of the scene in patient space.

    Raises
    ------
    InputError
        When the node holds no image, or one that is no single-channel volume.
    """
    image = volume_node.GetImageData() if volume_node is not None else None
    if image is None or image.GetNumberOfPoints() == 0:
        raise InputError(_("This volume holds no image; choose a chest CT that is loaded."))
    if image.GetNumberOfScalarComponents() != 1 or min(image.GetDimensions()) < 2:
        raise InputError(_("This volume is not a single three-dimensional image; choose a chest CT."))
    with in_world(volume_node) as placed:
        volume = volume_of(placed)
    if volume.array_kji.dtype not in (np.int16, np.float32):
        low, high = float(volume.array_kji.min()), float(volume.array_kji.max())
        kind = np.int16 if np.issubdtype(volume.array_kji.dtype, np.integer) and low >= -32768 and high <= 32767 else np.float32
        volume = Volume(volume.array_kji.astype(kind), volume.affine_ijk_to_lps)
    return volume


def write_ct(volume_node: Any, path: Any) -> None:
    """Write a CT of the scene as an uncompressed NRRD file: a copy of its memory, so that the window hardly waits."""
    volume = ct_of(volume_node)
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
        np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tofile(stream)


def segment_on(grid: Any, segmentation_node: Any, segment_id: Any) -> LabelMap:
    """Return one segment on a grid, nearest voxel, transforms taken along.

    Raises
    ------
    InputError
        When the segment is missing, empty, or lies outside the grid.
    """
    with in_world(segmentation_node) as placed:
        try:
            drawn = segment_labels(placed, segment_id)
        except (KeyError, AttributeError) as error:
            raise InputError(_("This segment is empty; paint it first.")) from error
    found = np.zeros(grid.shape_kji, dtype=np.uint8)
    size = np.array(grid.shape_kji)
    # Walk the target grid within the segment's box, so that a segment drawn on a coarser grid leaves no holes.
    voxels = np.argwhere(drawn.array_kji > 0)
    if len(voxels) == 0:
        raise InputError(_("This segment is empty; paint it first."))
    corners = np.stack(np.meshgrid(*zip(voxels.min(axis=0) - 0.5, voxels.max(axis=0) + 0.5, strict=True)), axis=-1).reshape(-1, 3)
    there = grid.kji_from_lps(drawn.grid.lps_from_kji(corners))
    low = np.clip(np.floor(there.min(axis=0)).astype(int), 0, size)
    high = np.clip(np.ceil(there.max(axis=0)).astype(int) + 1, 0, size)
    for k in range(int(low[0]), int(high[0])):
        plane = np.stack(np.meshgrid([k], range(low[1], high[1]), range(low[2], high[2]), indexing="ij"), axis=-1)[0]
        back = np.rint(drawn.grid.kji_from_lps(grid.lps_from_kji(plane.astype(float)))).astype(int)
        inside = ((back >= 0) & (back < drawn.array_kji.shape)).all(axis=-1)
        kept = np.clip(back, 0, np.array(drawn.array_kji.shape) - 1)
        found[k, low[1] : high[1], low[2] : high[2]] = inside & (drawn.array_kji[kept[..., 0], kept[..., 1], kept[..., 2]] > 0)
    if not found.any():
        raise InputError(_("This segment lies outside the CT; choose one that was drawn on it."))
    return LabelMap(found, grid.affine_ijk_to_lps, {1: segment_id})


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
