"""Folders of the data tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import slicer


def hierarchy(scene: Any) -> Any:
    """Return the scene's subject hierarchy node, made when it is missing."""
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)


def add_folder(scene: Any, name: str, parent: int | None = None) -> int:
    """Add a folder and return its item id."""
    tree = hierarchy(scene)
    return int(tree.CreateFolderItem(tree.GetSceneItemID() if parent is None else parent, name))


def put_into(scene: Any, folder: int, nodes: Sequence[Any]) -> None:
    """Put nodes into a folder, in this order."""
    tree = hierarchy(scene)
    for node in nodes:
        item = tree.GetItemByDataNode(node)
        if item:
            tree.SetItemParent(item, folder)
        else:
            tree.CreateItem(folder, node)


def names_in(scene: Any, folder: int) -> list[str]:
    """Return the names of a folder's children, in order."""
    tree = hierarchy(scene)
    count = tree.GetNumberOfItemChildren(folder)
    return [tree.GetItemName(tree.GetItemByPositionUnderParent(folder, at)) for at in range(count)]
