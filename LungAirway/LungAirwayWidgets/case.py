"""What belongs to one CT: its result folder, its target and its nodes, kept with the scene. Two CTs are two cases."""

import uuid
from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import Any

import slicer
from slicer.parameterNodeWrapper import parameterNodeWrapper

CASE = "SenseCarePlanning.AirwayCase"
RESULT_NODES = "SenseCarePlanning.ResultNodes"
ROLE = "SenseCarePlanning.Role"
UNFINISHED = "unfinished"
"""Role of what is being put into the scene or taken out of it."""
OWN_TARGET = "SenseCarePlanning.OwnTarget"
"""Marks a target that was clicked in the panel: it belongs to its CT; one that the user brought along is left alone."""


@parameterNodeWrapper
class AirwayCase:
    """The state of one CT.

    volume - the CT.
    target - the lesion as a point.
    targetSegmentation, targetSegment - the lesion as a segment; goes before the point.
    folder - where the newest result lies; empty before the first run.
    earlierFolders - the results before it, oldest first: what Undo goes back to.
    placement - how far the CT was moved since its result was computed, when last seen, see ``placing``.
    plannedTargets - the target of each of these results, see ``planned_target``.
    corrections - what was corrected since then and is not recomputed yet, see ``TreeEdits``.
    earlierCorrections - what was corrected and not recomputed in each of the earlier results: Undo brings it back with them.
    chosenRoute - rank of the route that is shown; 0 for the first.
    """

    volume: slicer.vtkMRMLScalarVolumeNode
    target: slicer.vtkMRMLMarkupsFiducialNode
    targetSegmentation: slicer.vtkMRMLSegmentationNode
    targetSegment: str = ""
    folder: str = ""
    earlierFolders: list[str]
    placement: str = ""
    plannedTargets: list[str]
    corrections: list[str]
    earlierCorrections: list[str]
    chosenRoute: int = 0


def _state(node: Any) -> Any:
    # The decorator gives the class its constructor; a type checker cannot know.
    wrapper: Any = AirwayCase
    return wrapper(node)


def case_of(volume_node: Any, make: Any = True) -> Any:
    """Return the case of a CT; made when it is missing, unless told otherwise (then None)."""
    scene = volume_node.GetScene()
    for node in slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode", scene):
        if node.GetAttribute(CASE) and node.GetNodeReferenceID("volume") == volume_node.GetID():
            return _state(node)
    if not make:
        return None
    node = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", f"Airway case {volume_node.GetName()}")
    node.SetAttribute(CASE, uuid.uuid4().hex[:12])
    node.SetAttribute("ModuleName", "LungAirway")
    node.SetHideFromEditors(True)
    case = _state(node)
    case.volume = volume_node
    return case


def result_nodes(case: Any, role: Any = None) -> Any:
    """Return the nodes that show the case's result, all or those of one role."""
    node = case.parameterNode
    count = node.GetNumberOfNodeReferences(RESULT_NODES)
    found = [node.GetNthNodeReference(RESULT_NODES, at) for at in range(count)]
    return [one for one in found if one is not None and (role is None or one.GetAttribute(ROLE) == role)]


def result_node(case: Any, role: Any) -> Any:
    """Return the one node of a role, None when there is none."""
    return next(iter(result_nodes(case, role)), None)


def remember_nodes(case: Any, nodes: Any) -> None:
    """Keep what shows the result: (role, node) pairs; a node that is kept already gets its role."""
    kept = {node.GetID() for node in result_nodes(case)}
    for role, node in nodes:
        node.SetAttribute(ROLE, role)
        if node.GetID() not in kept:
            kept.add(node.GetID())
            case.parameterNode.AddNodeReferenceID(RESULT_NODES, node.GetID())


def removal_pieces(case: Any) -> Generator[Any, None, None]:
    """Take the shown result out of the scene, a node at a time; the CT and the target stay.

    It is hidden at once and no result any more: what is left when the rest stays undone goes with the next one. Once the scene
    is closed in between nothing is touched.
    """
    scene = case.parameterNode.GetScene()
    for _piece in _removal(case, scene):
        yield
        if not scene.IsNodePresent(case.parameterNode):
            return


def _removal(case: Any, scene: Any) -> Generator[Any, None, None]:
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    nodes = result_nodes(case)
    folders = {tree.GetItemParent(tree.GetItemByDataNode(node)) for node in nodes} - {0, tree.GetSceneItemID()}
    for node in nodes:
        node.SetAttribute(ROLE, UNFINISHED)
        set_visible(node, False)
    yield
    while nodes:
        node = nodes.pop()
        if node.IsA("vtkMRMLSegmentationNode"):  # hundreds of MB take their time to be freed
            for segment_id in tuple(node.GetSegmentation().GetSegmentIDs()):
                node.GetSegmentation().RemoveSegment(segment_id)
                yield
        _remove(scene, tree, node)
        node = None  # the last reference: a mesh is freed here, too
        yield
    was_modifying = case.parameterNode.StartModify()  # else each reference is told by itself
    case.parameterNode.RemoveNodeReferenceIDs(RESULT_NODES)
    case.parameterNode.EndModify(was_modifying)
    for item in folders:
        if tree.GetNumberOfItemChildren(item) == 0:
            tree.RemoveItem(item)


def _remove(scene: Any, tree: Any, node: Any) -> None:
    """Remove a node with its item.

    In the desktop the item goes with the node. Without its window the item stays, empty: a later node that gets the same place in
    memory is then taken for this one ("DataNodeCache inconsistency").
    """
    scene.RemoveNode(node)
    item = tree.GetItemByDataNode(node)
    if item:
        tree.RemoveItem(item, False)


def set_visible(node: Any, visible: Any) -> None:
    """Show or hide a node in all views."""
    if node.IsA("vtkMRMLDisplayableNode"):
        for at in range(node.GetNumberOfDisplayNodes()):
            node.GetNthDisplayNode(at).SetVisibility(visible)


def next_folder(case: Any, root: Any) -> Any:
    """Return a new, absent folder for the case's next result, named by day and case: no patient's name is in a path."""
    name = f"Bronchoscopy {datetime.now():%Y-%m-%d} {case.parameterNode.GetAttribute(CASE)[:6]}"
    for number in range(1, 100000):
        folder = Path(root) / name / f"{number:03d}"
        if not folder.exists():
            return folder
    raise RuntimeError("no free folder name is left")
