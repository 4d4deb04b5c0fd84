"""A MRML scene that works outside Slicer: the logics it needs, and nothing of an application."""

from __future__ import annotations

from typing import Any

import slicer


def new_scene() -> Any:
    """Return an empty vtkMRMLScene with colours, segmentation conversion and subject hierarchy at work.

    The module logics live as long as the returned object. Never needed inside Slicer, whose application has a scene.
    """
    scene = slicer.vtkMRMLScene()
    application = slicer.vtkSlicerApplicationLogic()
    application.SetMRMLScene(scene)
    application.GetColorLogic().SetMRMLScene(scene)
    application.GetColorLogic().AddDefaultColorNodes()
    logics = [application]
    for name in ("vtkSlicerSegmentationsModuleLogic", "vtkSlicerSubjectHierarchyModuleLogic", "vtkSlicerMarkupsLogic"):
        logic = getattr(slicer, name)()
        logic.SetMRMLApplicationLogic(application)
        logic.SetMRMLScene(scene)
        logics.append(logic)
    scene.sensecare_logics = logics
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    return scene
