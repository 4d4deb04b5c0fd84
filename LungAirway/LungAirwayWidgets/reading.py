"""A result folder read and made ready for the scene: plain data, read beside the window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from LungAirwayLib.camera_io import load_camera_paths
from LungAirwayLib.camera_path import CameraPath
from LungAirwayLib.result import AirwayResult
from LungAirwayLib.result_io import load_result
from SenseCarePlanningLib.geometry import FloatArray
from SenseCarePlanningLib.surface import Surface
from SenseCarePlanningMRML.airway_scene import scene_layers
from SenseCarePlanningMRML.segmentation_nodes import PreparedLayer, prepare_layer

from .tree_colors import VertexBranches, branch_of_vertices


@dataclass(frozen=True, eq=False)
class ReadResult:
    """A result and what its view is made of.

    Parameters
    ----------
    result, camera_paths
        As the folder holds them.
    of_vertices
        The branch of each vertex of the surface.
    normals
        (N, 3) unit normals of the surface in LPS.
    layers
        Segments for the scene; empty when the scene holds them already.
    """

    result: AirwayResult
    camera_paths: dict[int, CameraPath]
    of_vertices: VertexBranches
    normals: FloatArray
    layers: tuple[PreparedLayer, ...]


def read(folder: Path, for_scene: bool = True) -> ReadResult:
    """Read a result folder.

    Raises
    ------
    InputError
        When the folder is no result, or a damaged one.
    """
    result = load_result(folder)
    for branch in result.tree:  # kept by the branch: the window's tables then only write them down
        _ = (branch.diameter_mm, branch.minimum_diameter_mm, branch.minimum_diameter_interval_mm)
    return ReadResult(
        result,
        load_camera_paths(folder),
        branch_of_vertices(result.surface, result.tree),
        vertex_normals(result.surface),
        tuple(prepare_layer(layer) for layer in scene_layers(result)) if for_scene else (),
    )


def vertex_normals(surface: Surface) -> FloatArray:
    """Return unit normals (N, 3): of the triangles around each vertex, weighted by their area; zero for a vertex without any."""
    corners = surface.points_lps_mm[surface.triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    count = len(surface.points_lps_mm)
    at = surface.triangles.ravel()
    sums = np.stack([np.bincount(at, np.repeat(faces[:, axis], 3), count) for axis in range(3)], axis=1)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0))
