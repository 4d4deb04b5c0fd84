"""``slicer.app.coreIOManager()``: files into nodes and back, through slicer-core's storage nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore

from .emulation import Emits, emulated

KINDS = {
    "VolumeFile": ("vtkMRMLScalarVolumeNode", "vtkMRMLVolumeArchetypeStorageNode", (".nrrd", ".nii", ".nii.gz", ".mha")),
    "SegmentationFile": ("vtkMRMLSegmentationNode", "vtkMRMLSegmentationStorageNode", (".seg.nrrd",)),
    "ModelFile": ("vtkMRMLModelNode", "vtkMRMLModelStorageNode", (".vtp", ".vtk", ".stl", ".ply", ".obj")),
    "TableFile": ("vtkMRMLTableNode", "vtkMRMLTableStorageNode", (".csv", ".tsv")),
    "TransformFile": ("vtkMRMLTransformNode", "vtkMRMLTransformStorageNode", (".h5", ".tfm")),
    "TextFile": ("vtkMRMLTextNode", "vtkMRMLTextStorageNode", (".txt", ".xml")),
    "MarkupsFile": ("vtkMRMLMarkupsFiducialNode", "vtkMRMLMarkupsJsonStorageNode", (".mrk.json",)),
    "SceneFile": ("", "", (".mrml", ".mrb")),
}


def _type_of(name: str) -> str:
    found = [(len(end), kind) for kind, (_, _, ends) in KINDS.items() for end in ends if name.lower().endswith(end)]
    return max(found)[1] if found else ""


@emulated
class qSlicerCoreIOManager(QtCore.QObject, Emits):
    """Reads and writes files."""

    def fileType(self, name: str) -> str:
        """Return the kind of a file by its name."""
        return _type_of(name)

    def fileWriterFileType(self, node: Any, _: str = "") -> str:
        """Return the kind of file that keeps a node."""
        return next((kind for kind, (class_name, _, _) in KINDS.items() if class_name and node.IsA(class_name)), "")

    def loadNodes(self, kind: str, properties: dict[str, Any], loaded: Any = None, messages: Any = None) -> bool:
        """Read a file into the scene."""
        path = Path(str(properties["fileName"]))
        if not path.is_file() or kind not in KINDS:
            return self._failed(messages, f"cannot read {path.name} as {kind or 'any known file'}")
        if kind == "SceneFile":
            return self._load_scene(path, bool(properties.get("clear", False)))
        node = self._read(kind, path, properties)
        if node is None:
            return self._failed(messages, f"{path.name} could not be read")
        node.SetName(properties.get("name") or path.name.split(".")[0])
        if node.IsA("vtkMRMLDisplayableNode"):
            node.CreateDefaultDisplayNodes()
        if loaded is not None:
            loaded.AddItem(node)
        if kind == "VolumeFile" and properties.get("show", True):
            slicer.util.setSliceViewerLayers(background=node, fit=True)
        return True

    @staticmethod
    def _failed(messages: Any, text: str) -> bool:
        if messages is not None:
            messages.AddMessage(0x10001, text)
        return False

    @staticmethod
    def _read(kind: str, path: Path, properties: dict[str, Any]) -> Any:
        class_name, storage_name, _ = KINDS[kind]
        if kind == "VolumeFile" and properties.get("labelmap"):
            class_name = "vtkMRMLLabelMapVolumeNode"
        if kind == "MarkupsFile":
            storage = slicer.vtkMRMLMarkupsJsonStorageNode()
            return storage.AddNewMarkupsNodeFromFile(str(path), None) if not storage.SetScene(slicer.mrmlScene) else None
        node = slicer.mrmlScene.AddNewNodeByClass(class_name)
        storage = slicer.mrmlScene.AddNewNodeByClass(storage_name)
        storage.SetFileName(str(path))
        if kind == "VolumeFile":
            storage.SetSingleFile(bool(properties.get("singleFile", True)))
        if storage.ReadData(node):
            node.SetAndObserveStorageNodeID(storage.GetID())
            return node
        slicer.mrmlScene.RemoveNode(storage)
        slicer.mrmlScene.RemoveNode(node)
        return None

    @staticmethod
    def _load_scene(path: Path, clear: bool) -> bool:
        scene = slicer.mrmlScene
        if path.suffix == ".mrb":
            return bool(scene.ReadFromMRB(str(path), clear))
        scene.SetURL(str(path))
        return bool(scene.Connect() if clear else scene.Import())

    def loadScene(self, name: str, clear: bool = True, messages: Any = None) -> bool:
        """Read a scene."""
        return self.loadNodes("SceneFile", {"fileName": name, "clear": clear}, None, messages)

    def loadFile(self, name: str, messages: Any = None) -> bool:
        """Read a file of a known kind."""
        return self.loadNodes(_type_of(name), {"fileName": name}, None, messages)

    def saveNodes(self, kind: str, properties: dict[str, Any], messages: Any = None, _: Any = None) -> bool:
        """Write a node or the scene."""
        path = Path(str(properties["fileName"]))
        if not path.parent.is_dir():
            return self._failed(messages, f"there is no folder {path.parent}")
        if kind == "SceneFile":
            return self.saveScene(str(path), None)
        node = slicer.mrmlScene.GetNodeByID(properties["nodeID"])
        storage = node.GetStorageNode() or node.CreateDefaultStorageNode()
        if storage.GetScene() is None:
            slicer.mrmlScene.AddNode(storage)
            node.SetAndObserveStorageNodeID(storage.GetID())
        storage.SetFileName(str(path))
        return bool(storage.WriteData(node))

    def saveScene(self, name: str, _: Any = None, messages: Any = None) -> bool:
        """Write the scene as a bundle, or its nodes' XML alone."""
        scene = slicer.mrmlScene
        if name.endswith(".mrb"):
            return bool(scene.WriteToMRB(name, None))
        scene.SetURL(name)
        return bool(scene.Commit())


@emulated
class qSlicerIOManager(qSlicerCoreIOManager):
    """Reads and writes files, with dialogs (which the stand-in does not show)."""
