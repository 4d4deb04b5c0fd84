"""A case's result in the scene: nodes built once, recoloured often; the overview and the view from inside see different ones."""

from collections.abc import Generator
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from LungAirwayLib.report_pages.routes import MODEL_NAMES
from SenseCarePlanningLib.render.plan_colours import TARGET, as_fractions
from SenseCarePlanningMRML.airway_scene import airway_scene_pieces
from SenseCarePlanningMRML.coordinates import ras_from_lps
from SenseCarePlanningMRML.subject_hierarchy import hierarchy, put_into
from SenseCarePlanningMRML.volume_nodes import LUNG_LEVEL_HU, LUNG_WINDOW_HU
from SenseCarePlanningWidgets.texts import tr as _
from SenseCarePlanningWidgets.texts import words

from .case import OWN_TARGET, ROLE, UNFINISHED, remember_nodes, removal_pieces, result_node, result_nodes, set_visible
from .layout import ENDOSCOPE, OVERVIEW, dress_overview, view_node
from .reading import ReadResult

COLORS = "BranchColors"
MUCOSA = (0.93, 0.60, 0.52)
TARGET_RADIUS_MM = 4.0
ROUTE_WIDTH_MM = 1.8


def build_pieces(case: Any, read: ReadResult) -> Generator[Any, None, None]:
    """Put a result into the scene in place of the case's earlier one, a node at a time; each belongs to the case at once."""
    yield from removal_pieces(case)
    scene = case.parameterNode.GetScene()
    result = read.result
    making = airway_scene_pieces(scene, result, read.layers, None, read.camera_paths)
    while True:
        try:
            node = next(making)
        except StopIteration as ended:
            nodes = ended.value
            break
        remember_nodes(case, [(UNFINISHED, node)])
        yield
    tree = hierarchy(scene)
    tree.SetItemName(nodes.folder, _("Bronchoscopy plan: {name}").format(name=case.volume.GetName()))
    pairs = [("segmentation", nodes.segmentation), ("tree", nodes.tree), ("surface", nodes.surface)]
    pairs += [(f"route {rank}", node) for rank, node in enumerate(nodes.routes, start=1)]
    routes = result.plan.routes if result.plan is not None else ()
    ranks = [route.rank for route in routes for _extension in route.extensions]
    pairs += [(f"extension {rank}", node) for rank, node in zip(ranks, nodes.extensions, strict=True)]
    pairs += [("table", node) for node in nodes.tables]
    pairs += [(role, node) for role, node in (("plan target", nodes.target), ("camera", nodes.camera)) if node is not None]
    remember_nodes(case, pairs)
    _name(nodes, routes)
    yield
    _place_in_views(case, nodes, read)


def _name(nodes: Any, routes: Any) -> None:
    nodes.segmentation.SetName(_("Airway and lung segmentation"))
    nodes.tree.SetName(_("Airway centrelines"))
    nodes.surface.SetName(_("Airway"))
    for rank, node in enumerate(nodes.routes, start=1):
        node.SetName(_("Route {rank}").format(rank=rank))
    models = [(route.rank, extension.model) for route in routes for extension in route.extensions]
    for (rank, model), node in zip(models, nodes.extensions, strict=True):
        way = words().sentence(MODEL_NAMES[model])
        node.SetName(_("Route {rank}, past the visible airway: {way}").format(rank=rank, way=way))


def _place_in_views(case: Any, nodes: Any, read: ReadResult) -> None:
    """Show the coloured airway in the overview and the mucosa in the view from inside."""
    scene = case.parameterNode.GetScene()
    overview, inside = view_node(OVERVIEW, make=True).GetID(), view_node(ENDOSCOPE, make=True).GetID()
    dress_overview(view_node(OVERVIEW))
    nodes.tree.GetDisplayNode().SetVisibility(False)
    outer = nodes.surface.GetDisplayNode()
    outer.SetVisibility(True)
    outer.SetOpacity(1.0)
    outer.SetVisibility2D(False)
    only_in(outer, overview)
    inner = scene.AddNewNodeByClass("vtkMRMLModelDisplayNode", f"{nodes.surface.GetName()} ({_('inside')})")
    inner.SetColor(*MUCOSA)
    inner.SetAmbient(0.08)
    inner.SetDiffuse(0.9)
    inner.SetSpecular(0.08)
    inner.SetPower(20)
    inner.SetBackfaceCulling(False)
    inner.SetFrontfaceCulling(False)
    inner.SetInterpolation(inner.PhongInterpolation)
    inner.SetVisibility(True)
    only_in(inner, inside)
    nodes.surface.AddAndObserveDisplayNodeID(inner.GetID())
    _set_normals(nodes.surface, read.normals)
    for node in nodes.routes:
        display = node.GetDisplayNode()
        display.SetCurveLineSizeMode(display.UseLineDiameter)  # a thickness counts in glyphs, and these have none
        display.SetLineDiameter(ROUTE_WIDTH_MM)
    for node in (*nodes.routes, *nodes.extensions):
        display = node.GetDisplayNode()
        display.SetGlyphScale(0.0)
        display.SetGlyphSize(0.6)
        display.SetOccludedVisibility(True)  # the way lies inside the airway, and is seen through its wall
        display.SetOccludedOpacity(1.0)
        only_in(display, overview)
    segmentation = nodes.segmentation.GetDisplayNode()
    segmentation.SetVisibility3D(False)
    segmentation.SetAllSegmentsOpacity2DFill(0.35)
    if nodes.target is not None:
        shown = nodes.target.GetDisplayNode()
        shown.SetVisibility(case.target is None)
        shown.SetPointLabelsVisibility(False)
        only_in(shown, *[node.GetID() for node in slice_nodes(scene)])
        _target_ball(case, read.result, overview)
    for node in slice_nodes(scene):
        for route in (*nodes.routes, *nodes.extensions):
            route.GetDisplayNode().AddViewNodeID(node.GetID())
    display = case.volume.GetDisplayNode()
    if display is not None and display.GetAutoWindowLevel():
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(LUNG_WINDOW_HU, LUNG_LEVEL_HU)


def slice_nodes(scene: Any) -> Any:
    """Return the slice nodes of the three planes, those that exist."""
    found = [scene.GetSingletonNode(name, "vtkMRMLSliceNode") for name in ("Red", "Yellow", "Green")]
    return [node for node in found if node is not None]


def only_in(display: Any, *view_ids: str) -> None:
    """Show a display node in these views only."""
    display.RemoveAllViewNodeIDs()
    for view_id in view_ids:
        display.AddViewNodeID(view_id)


def _set_normals(model: Any, normals_lps: Any) -> None:
    array = numpy_to_vtk(np.ascontiguousarray(ras_from_lps(normals_lps), dtype=np.float32), deep=True)
    array.SetName("Normals")
    model.GetPolyData().GetPointData().SetNormals(array)


def _target_ball(case: Any, result: Any, overview: Any) -> None:
    """Add the target as a ball beside the airway in the overview; the fly-through draws its own, through the wall."""
    scene = case.parameterNode.GetScene()
    centre = result.plan.target.centre_lps_mm
    source = vtk.vtkSphereSource()
    source.SetCenter(-centre[0], -centre[1], centre[2])
    source.SetRadius(max(result.plan.target.radius_mm, TARGET_RADIUS_MM))
    source.SetThetaResolution(32)
    source.SetPhiResolution(24)
    source.Update()
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", _("Target"))
    model.SetAndObservePolyData(source.GetOutput())
    model.CreateDefaultDisplayNodes()
    display = model.GetDisplayNode()
    display.SetColor(*as_fractions(TARGET))
    display.SetAmbient(0.6)
    display.SetVisibility2D(False)
    only_in(display, overview)
    remember_nodes(case, [("target ball", model)])
    tree = hierarchy(scene)
    put_into(scene, tree.GetItemParent(tree.GetItemByDataNode(result_node(case, "surface"))), [model])


def paint(case: Any, colors: Any) -> None:
    """Colour the overview's airway: RGB (N, 3) uint8, one a vertex."""
    model = result_node(case, "surface")
    if model is None or model.GetPolyData() is None or model.GetPolyData().GetNumberOfPoints() != len(colors):
        return
    array = numpy_to_vtk(np.ascontiguousarray(colors), deep=True)
    array.SetName(COLORS)
    model.GetPolyData().GetPointData().RemoveArray(COLORS)
    model.GetPolyData().GetPointData().AddArray(array)
    display = model.GetNthDisplayNode(0)
    display.SetActiveScalar(COLORS, vtk.vtkAssignAttribute.POINT_DATA)
    display.SetScalarRangeFlag(slicer.vtkMRMLDisplayNode.UseDirectMapping)
    display.SetScalarVisibility(True)
    model.GetPolyData().Modified()


def show_route(case: Any, rank: Any) -> None:
    """Show one route with its extension; the others are hidden."""
    for node in result_nodes(case):
        role = node.GetAttribute(ROLE) or ""
        if role.startswith("route "):
            node.GetDisplayNode().SetVisibility(role == f"route {rank}")
        elif role.startswith("extension "):
            mine = role == f"extension {rank}"
            node.GetDisplayNode().SetVisibility(mine and node.GetAttribute("SenseCarePlanning.Chosen") == "yes")


def show_case(case: Any) -> None:
    """Show the nodes of one case and hide those of the others; its CT goes into the slices."""
    scene = case.parameterNode.GetScene()
    mine = {node.GetID() for node in result_nodes(case)}
    for name in ("vtkMRMLModelNode", "vtkMRMLMarkupsNode", "vtkMRMLSegmentationNode"):
        for node in slicer.util.getNodesByClass(name, scene):
            role = node.GetAttribute(ROLE)
            if not role:
                continue
            if node.GetID() not in mine:
                set_visible(node, False)
            elif role in ("surface", "segmentation", "target ball"):
                set_visible(node, True)
    show_target(case)


def show_target(case: Any) -> None:
    """Show the target that was clicked on the case's CT, and hide those of other CTs: they are places of another patient."""
    for node in slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode", case.parameterNode.GetScene()):
        if node.GetAttribute(OWN_TARGET):
            set_visible(node, node is case.target)
