"""An airway of straight tubes as a segmentation of the scene: what the module tests itself with, in any Slicer, without data."""

from typing import Any

import numpy as np

from SenseCarePlanningLib.report.model import Code
from SenseCarePlanningLib.volume import LabelMap
from SenseCarePlanningMRML.segmentation_nodes import ANATOMY, SegmentLayer, SegmentStyle, add_segmentation

TUBES = (
    ((0, 0, 60), (0, 0, 0), 8.0),
    ((0, 0, 0), (-25, 0, -22), 6.0),
    ((0, 0, 0), (32, 0, -28), 5.5),
    ((-25, 0, -22), (-48, 4, -30), 4.0),
    ((-25, 0, -22), (-28, 4, -70), 4.5),
    ((32, 0, -28), (54, -6, -34), 4.0),
    ((32, 0, -28), (38, 6, -70), 4.0),
)
"""Start, end (LPS mm) and radius (mm): a trachea, two main bronchi and four branches."""


def painted_airway(scene: Any) -> Any:
    """Paint the tubes into a new segmentation node with the segment ``airway``; returns the node."""
    low, shape = np.array([-60.0, -20.0, -90.0]), (122, 42, 156)
    points = low + np.moveaxis(np.indices(shape[::-1])[::-1], 0, -1)
    lumen = np.zeros(points.shape[:3], dtype=np.uint8)
    for start, end, radius in TUBES:
        along = np.subtract(end, start)
        share = np.clip((points - start) @ along / (along @ along), 0.0, 1.0)
        lumen[np.linalg.norm(points - start - share[..., None] * along, axis=-1) <= radius] = 1
    affine = np.eye(4)
    affine[:3, 3] = low
    style = SegmentStyle("airway", ANATOMY, Code("89187006", "SCT", "Airway structure"))
    return add_segmentation(scene, [SegmentLayer(LabelMap(lumen, affine), {1: ("airway", style)})], "painted")
