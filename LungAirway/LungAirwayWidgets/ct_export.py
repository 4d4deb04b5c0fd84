"""Images of the scene for the computation: what all organs share, under the name by which this module's files know it."""

from SenseCarePlanningWidgets.ct_export import (
    Drawn,
    ct_of,
    dicom_files_of,
    drawn_segment,
    in_world,
    on_grid,
    own_grid,
    plain_ct,
    point_of,
    point_of_target,
    segment_on,
    shared_ct,
    write_nrrd,
)

__all__ = [
    "Drawn",
    "ct_of",
    "dicom_files_of",
    "drawn_segment",
    "in_world",
    "on_grid",
    "own_grid",
    "plain_ct",
    "point_of",
    "point_of_target",
    "segment_on",
    "shared_ct",
    "write_nrrd",
]
