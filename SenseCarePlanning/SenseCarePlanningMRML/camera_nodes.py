"""A camera node at a place in the patient."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from .coordinates import ras_from_lps


def add_camera(
    scene: Any, name: str, *, eye_lps_mm: ArrayLike, focus_lps_mm: ArrayLike, up_lps: ArrayLike, view_angle_deg: float
) -> Any:
    """Add a camera that looks from the eye to the focus; it is bound to no view, so nothing jumps when a scene loads."""
    node = scene.AddNewNodeByClass("vtkMRMLCameraNode", name)
    node.SetPosition(*ras_from_lps(eye_lps_mm))
    node.SetFocalPoint(*ras_from_lps(focus_lps_mm))
    node.SetViewUp(*ras_from_lps(up_lps))
    node.SetViewAngle(view_angle_deg)
    return node
