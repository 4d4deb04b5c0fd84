"""What belongs to one coronary CT: its result folder, what is looked at, and its nodes, kept with the scene."""

import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import slicer
from slicer.parameterNodeWrapper import parameterNodeWrapper

CASE = "SenseCarePlanning.CoronaryCase"
RESULT_NODES = "SenseCarePlanning.ResultNodes"
ROLE = "SenseCarePlanning.Role"


@parameterNodeWrapper
class CoronaryCase:
    """The state of one CT.

    volume - the coronary CT.
    folder - where the newest result lies; empty before the first run.
    vessel - name of the vessel that is looked at; empty for none.
    position - place along it that is looked at, mm from its start.
    """

    volume: slicer.vtkMRMLScalarVolumeNode
    folder: str = ""
    vessel: str = ""
    position: float = 0.0


def case_of(volume_node: Any) -> Any:
    """Return the case of a CT; made when it is missing."""
    scene = volume_node.GetScene()
    # The decorator gives the class its constructor; a type checker cannot know.
    wrapper: Any = CoronaryCase
    for node in slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode", scene):
        if node.GetAttribute(CASE) and node.GetNodeReferenceID("volume") == volume_node.GetID():
            return wrapper(node)
    node = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", f"Coronary case {volume_node.GetName()}")
    node.SetAttribute(CASE, uuid.uuid4().hex[:12])
    node.SetAttribute("ModuleName", "CardiacCTA")
    node.SetHideFromEditors(True)
    case = wrapper(node)
    case.volume = volume_node
    return case


def result_nodes(case: Any, role: Any = None) -> Any:
    """Return the nodes that show the case's result, all or those of one role."""
    node = case.parameterNode
    count = node.GetNumberOfNodeReferences(RESULT_NODES)
    found = [node.GetNthNodeReference(RESULT_NODES, at) for at in range(count)]
    return [one for one in found if one is not None and (role is None or one.GetAttribute(ROLE) == role)]


def remember_node(case: Any, role: str, node: Any) -> None:
    """Keep a node that shows the result."""
    node.SetAttribute(ROLE, role)
    case.parameterNode.AddNodeReferenceID(RESULT_NODES, node.GetID())


def remove_result_nodes(case: Any) -> None:
    """Take the shown result out of the scene; the CT stays."""
    scene = case.parameterNode.GetScene()
    for node in result_nodes(case):
        scene.RemoveNode(node)
    case.parameterNode.RemoveNodeReferenceIDs(RESULT_NODES)


def next_folder(case: Any, root: Any) -> Any:
    """Return a new, absent folder for the case's next result, named by day and case: no patient's name is in a path."""
    name = f"Coronaries {datetime.now():%Y-%m-%d} {case.parameterNode.GetAttribute(CASE)[:6]}"
    for number in range(1, 100000):
        folder = Path(root) / name / f"{number:03d}"
        if not folder.exists():
            return folder
    raise RuntimeError("no free folder name is left")


def result_node_names(case: Any) -> list[str]:
    """Return the roles of the nodes that show the result."""
    return [node.GetAttribute(ROLE) for node in result_nodes(case)]
