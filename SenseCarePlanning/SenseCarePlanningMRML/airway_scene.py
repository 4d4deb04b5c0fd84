"""A bronchoscopy plan as a Slicer scene: one folder that holds everything and opens in Slicer's own modules."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from LungAirwayLib.bronchus_sign import inside_target
from LungAirwayLib.camera_path import CameraPath
from LungAirwayLib.flythrough import endoscopy_attributes
from LungAirwayLib.plan import Plan, Route, Target
from LungAirwayLib.result import AirwayResult
from LungAirwayLib.segments import LOBE_SEGMENTS, LUNG_SEGMENTS, SEGMENTS
from SenseCarePlanningLib.pieces import all_at_once
from SenseCarePlanningLib.render.plan_colours import PAST_LUMEN, PAST_LUMEN_RADIUS_MM, ROUTE, TARGET, as_fractions
from SenseCarePlanningLib.volume import LabelMap, Volume

from .airway_tables import airway_tables
from .camera_nodes import add_camera
from .curve_nodes import add_curve, add_point, curve_length_mm
from .endoscopy import fitted_to_curve
from .model_nodes import add_model, add_tree, surface_polydata
from .segmentation_nodes import PreparedLayer, SegmentLayer, SegmentStyle, add_empty_segmentation, add_layer, prepare_layer
from .subject_hierarchy import add_folder, put_into
from .volume_nodes import add_volume

FOLDER = "SenseCare bronchoscopy plan"
BRONCHOSCOPE_VIEW_DEG = 110.0
TARGET_STEP_MM = 0.7
NO_FADING_MM = 1000.0
"""Slicer lets a curve's colour fade with the distance from the slice, into another hue; farther than this nothing lies."""


def _style(segment: str, opacity: float = 1.0, visible: bool = True) -> SegmentStyle:
    """Name, codes and colour come from the organ's table; how much of it is seen is the scene's choice."""
    meaning = SEGMENTS[segment]
    red, green, blue = (part / 255.0 for part in meaning.color_rgb)
    return SegmentStyle(meaning.name, meaning.category, meaning.type, color=(red, green, blue), opacity=opacity, visible=visible)


_AIRWAY, _VESSELS, _TARGET = _style("airway", 0.35), _style("vessels", 0.3, visible=False), _style("target")
_LUNGS = {value: (segment, _style(segment, 0.15, visible=False)) for value, segment in LUNG_SEGMENTS.items()}
_LOBES = {value: (segment, _style(segment, 0.12, visible=False)) for value, segment in LOBE_SEGMENTS.items()}


@dataclass(frozen=True)
class AirwaySceneNodes:
    """What was put into the scene, in the order of the folder; None where the result has nothing to show."""

    folder: int
    volume: Any
    segmentation: Any
    tree: Any
    surface: Any
    routes: tuple[Any, ...]
    extensions: tuple[Any, ...]
    target: Any
    tables: tuple[Any, ...]
    camera: Any


def build_airway_scene(
    scene: Any,
    result: AirwayResult,
    volume: Volume | None = None,
    camera_paths: Mapping[int, CameraPath] | None = None,
) -> AirwaySceneNodes:
    """Put a result into a scene, in one subject-hierarchy folder.

    Parameters
    ----------
    scene
        A vtkMRMLScene: Slicer's, or one of :func:`.scene.new_scene`.
    result
        The plan; without a target the scene holds tree, surface, segmentation and the airway table.
    volume
        The CT; left out of the scene when None.
    camera_paths
        Route rank -> camera path. A route with one becomes the curve that the camera flies and carries the attributes of
        Slicer's Endoscopy module; a route without one is drawn along the airway's centreline.
    """
    layers = [prepare_layer(layer) for layer in scene_layers(result)]
    return all_at_once(airway_scene_pieces(scene, result, layers, volume, camera_paths))


def airway_scene_pieces(
    scene: Any,
    result: AirwayResult,
    layers: Sequence[PreparedLayer],
    volume: Volume | None = None,
    camera_paths: Mapping[int, CameraPath] | None = None,
) -> Generator[Any, None, AirwaySceneNodes]:
    """Do what :func:`build_airway_scene` does in pieces; yields each node when it is in the scene, a segmentation once a layer.

    Parameters
    ----------
    layers
        :func:`scene_layers` of the result, prepared.
    """
    ct = None
    if volume is not None:
        ct = add_volume(scene, volume, "Chest CT")
        yield ct
    segmentation = add_empty_segmentation(scene, "Segmentation")
    yield segmentation
    for layer in layers:
        add_layer(segmentation, layer)
        yield segmentation
    if ct is not None:
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(ct)
    tree = add_tree(scene, result.tree, "Airway tree")
    yield tree
    surface = add_model(scene, surface_polydata(result.surface), "Airway lumen", (0.85, 0.55, 0.50), 0.4)
    surface.GetDisplayNode().SetVisibility(False)
    yield surface
    camera, routes, extensions, target = None, [], [], None
    if result.plan is not None:
        paths = dict(camera_paths or {})
        target = add_point(scene, result.plan.target.centre_lps_mm, "Target", as_fractions(TARGET))
        yield target
        camera = _camera(scene, result.plan, paths)
        if camera is not None:
            yield camera
        for route in result.plan.routes:
            routes.append(_route(scene, route, paths.get(route.rank), camera))
            yield routes[-1]
        for route in result.plan.routes:
            for node in _extensions(scene, route):
                extensions.append(node)
                yield node
    tables = []
    for table in airway_tables(scene, result):
        tables.append(table)
        yield table
    folder = add_folder(scene, FOLDER)
    shown = [ct, segmentation, tree, surface, *routes, *extensions, target, *tables, camera]
    put_into(scene, folder, [node for node in shown if node is not None])
    return AirwaySceneNodes(
        folder, ct, segmentation, tree, surface, tuple(routes), tuple(extensions), target, tuple(tables), camera
    )


def scene_layers(result: AirwayResult) -> list[SegmentLayer]:
    """Share one label map between airway and vessels (the airway wins), give lungs, lobes and target one each."""
    tubes = (result.airway.array_kji > 0).astype(np.uint8)
    styles = {1: ("airway", _AIRWAY)}
    if result.vessels is not None and result.vessels.grid.same_as(result.airway.grid):
        tubes[(result.vessels.array_kji > 0) & (tubes == 0)] = 2
        styles[2] = ("vessels", _VESSELS)
    layers = [SegmentLayer(LabelMap(tubes, result.airway.affine_ijk_to_lps), styles)]
    if result.vessels is not None and 2 not in styles:
        layers.append(SegmentLayer(_binary(result.vessels), {1: ("vessels", _VESSELS)}))
    if result.lobes is not None:
        layers.append(SegmentLayer(result.lobes, _LOBES))
    if result.lungs is not None:
        layers.append(SegmentLayer(result.lungs, _LUNGS))
    if result.plan is not None and len(result.plan.target.surface_lps_mm) >= 4:
        layers.append(SegmentLayer(target_labels(result.plan.target), {1: ("target", _TARGET)}))
    return layers


def _binary(labels: LabelMap) -> LabelMap:
    return LabelMap((labels.array_kji > 0).astype(np.uint8), labels.affine_ijk_to_lps)


def target_labels(target: Target) -> LabelMap:
    """Fill the target's surface (N, 3), taken as star-shaped about its centre, with voxels of 0.7 mm."""
    low = target.surface_lps_mm.min(axis=0) - TARGET_STEP_MM
    size = np.ceil((target.surface_lps_mm.max(axis=0) - low) / TARGET_STEP_MM).astype(int) + 2
    affine = np.diag([TARGET_STEP_MM, TARGET_STEP_MM, TARGET_STEP_MM, 1.0])
    affine[:3, 3] = low
    empty = LabelMap(np.zeros((size[2], size[1], size[0]), dtype=np.uint8), affine, {1: "target"})
    points = empty.grid.lps_from_kji(np.moveaxis(np.indices(empty.array_kji.shape), 0, -1).reshape(-1, 3))
    inside = inside_target(points, target).reshape(empty.array_kji.shape)
    return LabelMap(inside.astype(np.uint8), affine, {1: "target"})


def _camera(scene: Any, plan: Plan, paths: Mapping[int, CameraPath]) -> Any:
    """Place the bronchoscope's camera where the best route starts; None without a path."""
    if not plan.routes or plan.routes[0].rank not in paths:
        return None
    path = paths[plan.routes[0].rank]
    return add_camera(
        scene,
        "Bronchoscope camera",
        eye_lps_mm=path.positions_lps_mm[0],
        focus_lps_mm=path.focal_lps_mm[0],
        up_lps=path.up[0],
        view_angle_deg=BRONCHOSCOPE_VIEW_DEG,
    )


def _route(scene: Any, route: Route, path: CameraPath | None, camera: Any) -> Any:
    points = route.points_lps_mm if path is None else path.positions_lps_mm
    attributes = {"SenseCarePlanning.Reason": route.reason, "SenseCarePlanning.Confidence": f"{route.confidence:.3f}"}
    node = add_curve(scene, points, f"Route {route.rank}", as_fractions(ROUTE), attributes)
    if path is not None:
        planned = endoscopy_attributes(path)
        for key, value in fitted_to_curve(planned, float(path.arc_mm[-1]), curve_length_mm(node)).items():
            node.SetAttribute(key, value)
    node.GetDisplayNode().SetVisibility(route.rank == 1)
    if camera is not None and path is not None:
        node.SetNodeReferenceID("Camera", camera.GetID())
    return node


def _extensions(scene: Any, route: Route) -> list[Any]:
    nodes = []
    for number, extension in enumerate(route.extensions):
        chosen = number == route.chosen_extension
        name = f"Route {route.rank} extension, {extension.model.value.replace('_', ' ')}"
        attributes = {
            "SenseCarePlanning.Chosen": "yes" if chosen else "no",
            "SenseCarePlanning.LengthMm": f"{extension.length_mm:.1f}",
        }
        color = as_fractions(PAST_LUMEN) if chosen else (0.5, 0.5, 0.5)
        node = add_curve(scene, extension.points_lps_mm, name, color, attributes)
        display = node.GetDisplayNode()
        display.SetVisibility(chosen and route.rank == 1)
        display.SetCurveLineSizeMode(display.UseLineDiameter)
        display.SetLineDiameter(2.0 * PAST_LUMEN_RADIUS_MM)
        display.SetSliceProjection(True)  # seldom within a slice, so it is seen through it
        display.SetSliceProjectionUseFiducialColor(True)
        display.SetSliceProjectionOpacity(1.0)
        display.SetLineColorFadingStart(NO_FADING_MM)
        display.SetLineColorFadingEnd(2.0 * NO_FADING_MM)
        nodes.append(node)
    return nodes
