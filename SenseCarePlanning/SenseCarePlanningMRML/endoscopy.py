"""What Slicer's Endoscopy module reads from a curve: camera orientations by distance, and the view angle.

The module resamples the curve every 0.5 mm, measures distances on that, interpolates the orientations between the given
distances, and puts its own default orientation at the very end of the curve unless an orientation is given there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

CAMERA_ORIENTATIONS = "Endoscopy.Path.CameraOrientations"
VIEW_ANGLE = "Endoscopy.Path.ViewAngle"
BEFORE_END_MM = 0.25
"""The last orientation stands half a step before the end: past the last frame that is shown, before the default one."""


def orientations_of(attributes: Mapping[str, str]) -> dict[float, list[float]]:
    """Return distance (mm) -> [angle in radians, axis x, y, z in RAS]; empty without the attribute."""
    text = attributes.get(CAMERA_ORIENTATIONS)
    return {} if text is None else {float(key): value for key, value in json.loads(text).items()}


def fitted_to_curve(attributes: Mapping[str, str], path_length_mm: float, curve_length_mm: float) -> dict[str, str]:
    """Return the attributes with the distances stretched from the planned path to the curve as Slicer measures it.

    Both lengths differ by what the spline through the control points smooths away. Without the stretch the module's
    default orientation would fall between the last two of ours and roll the camera there.
    """
    keys = orientations_of(attributes)
    if not keys or path_length_mm <= 0.0:
        return dict(attributes)
    scale = max(curve_length_mm - BEFORE_END_MM, 0.0) / path_length_mm
    stretched = {str(key * scale): value for key, value in keys.items()}
    return {**attributes, CAMERA_ORIENTATIONS: json.dumps(stretched)}
