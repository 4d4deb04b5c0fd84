"""A real slicer-core scene with the logics, default nodes and displayable managers of the application."""

from __future__ import annotations

from typing import Any

import slicer
import vtk

LOGICS = {
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Models": "vtkSlicerModelsLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Cameras": "vtkSlicerCamerasModuleLogic",
    "Data": "vtkSlicerDataModuleLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Sequences": "vtkSlicerSequencesLogic",
}


class ApplicationScene:
    """The scene, the application logic and the module logics by module name."""

    def __init__(self, cache: str) -> None:
        self.scene = slicer.vtkMRMLScene()
        self._read_files(cache)
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        self.scene.AddNode(crosshair)
        self.logic = slicer.vtkSlicerApplicationLogic()
        self.logic.SetMRMLScene(self.scene)
        colors = self.logic.GetColorLogic()
        colors.SetMRMLScene(self.scene)
        colors.AddDefaultColorNodes()
        self.logic.SetSliceLogics(vtk.vtkCollection())
        self.logic.SetViewLogics(vtk.vtkCollection())
        for name in ("vtkMRMLThreeDViewDisplayableManagerFactory", "vtkMRMLSliceViewDisplayableManagerFactory"):
            getattr(slicer, name).GetInstance().SetMRMLApplicationLogic(self.logic)
        self.logics: dict[str, Any] = {"Colors": colors}
        for module, class_name in LOGICS.items():
            made = getattr(slicer, class_name, None)
            if made is not None:
                self.logics[module] = self._register(module, made())
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        self.scene.AddNode(slicer.vtkMRMLSelectionNode()) if self.logic.GetSelectionNode() is None else None
        slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)

    def _read_files(self, cache: str) -> None:
        """Give the scene what it needs to open bundles."""
        manager = slicer.vtkCacheManager()
        manager.SetRemoteCacheDirectory(cache)
        files = slicer.vtkDataIOManager()
        files.SetCacheManager(manager)
        self.scene.SetCacheManager(manager)
        self.scene.SetDataIOManager(files)

    def _register(self, module: str, logic: Any) -> Any:
        logic.SetMRMLApplicationLogic(self.logic)
        logic.SetMRMLScene(self.scene)
        self.logic.SetModuleLogic(module, logic)
        return logic

    def end(self) -> None:
        """Empty the scene and let go of it."""
        self.scene.Clear(1)
        for logic in self.logics.values():
            logic.SetMRMLScene(None)
        self.logic.SetMRMLScene(None)
        self.logics.clear()
