"""Where a result lies in the scene: on the CT that it was computed on, wherever the user moves the CT."""

import json
from typing import Any

import numpy as np
import slicer

from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.volume import Grid
from SenseCarePlanningMRML.coordinates import FLIP
from SenseCarePlanningMRML.volume_nodes import world_ijk_to_ras
from SenseCarePlanningWidgets.texts import tr as _

from .case import OWN_TARGET, remember_nodes, result_node, result_nodes

ROLE = "placement"
SAME_PLACE_MM = 0.05
"""Nearer than this nothing moved: scene files keep directions as text."""
STRETCH = 1e-3
"""A motion whose lengths change by more than this part is none: millimetres of the result would be wrong."""


def placing_of(volume_node: Any, grid: Grid) -> FloatArray | None:
    """Return the motion (4, 4), world RAS mm, from where a result was computed to where its CT lies now.

    Parameters
    ----------
    volume_node
        The CT.
    grid
        The grid that the result was computed on, in patient space.

    Returns
    -------
    placing
        The identity where the CT lies as it did; None where the result fits it no longer: the image has another size, or it was
        stretched, mirrored or warped.
    """
    image, now = volume_node.GetImageData(), world_ijk_to_ras(volume_node)
    if image is None or now is None or tuple(image.GetDimensions()) != grid.shape_kji[::-1]:
        return None
    placing = now @ np.linalg.inv(FLIP @ grid.affine_ijk_to_lps)
    turn = placing[:3, :3]
    if np.abs(turn.T @ turn - np.eye(3)).max() > STRETCH or np.linalg.det(turn) < 0.0:
        return None
    far = np.array(grid.shape_kji[::-1], dtype=np.float64) - 1.0
    corners = FLIP @ grid.affine_ijk_to_lps @ np.array([[0.0, 0.0, 0.0, 1.0], [*far, 1.0]]).T
    return np.eye(4) if np.abs(placing @ corners - corners).max() < SAME_PLACE_MM else np.asarray(placing)


def place_nodes(case: Any, placing: FloatArray) -> None:
    """Put what shows the case's result where its CT lies: under a transform of their own; none while nothing moved."""
    transform = result_node(case, ROLE)
    if np.array_equal(placing, np.eye(4)):
        if transform is not None:
            case.parameterNode.GetScene().RemoveNode(transform)
        return
    if transform is None:
        name = _("Place of the CT of {name}").format(name=case.volume.GetName())
        transform = case.parameterNode.GetScene().AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
        transform.SetHideFromEditors(True)
        remember_nodes(case, [(ROLE, transform)])
    slicer.util.updateTransformMatrixFromArray(transform, placing)
    for node in result_nodes(case):
        if node.IsA("vtkMRMLTransformableNode") and node is not transform and node.GetParentTransformNode() is not transform:
            node.SetAndObserveTransformNodeID(transform.GetID())


def follow(case: Any, placing: FloatArray) -> None:
    """Let nodes and clicked target of a case follow its CT to where it lies now, and remember that place."""
    place_nodes(case, placing)
    if case.placement:
        _move_target(case.target, placing @ np.linalg.inv(np.array(json.loads(case.placement))))
    text = json.dumps(placing.tolist())
    if text != case.placement:
        case.placement = text


def _move_target(node: Any, motion: FloatArray) -> None:
    if node is None or not node.GetAttribute(OWN_TARGET) or np.abs(motion - np.eye(4)).max() < 1e-9:
        return
    for at in range(node.GetNumberOfControlPoints()):
        place = motion @ np.array([*node.GetNthControlPointPositionWorld(at), 1.0])
        node.SetNthControlPointPositionWorld(at, *place[:3])
