"""Trees as VTK poly data: one poly line a branch, for viewers. JSON is the form without loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkPoints, vtkStringArray
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkIOXML import vtkXMLPolyDataReader, vtkXMLPolyDataWriter

from ..errors import InputError, SenseCareError
from ..geometry import FloatArray
from .assemble import assemble, no_frames
from .tree import Branch, BranchFlag, BranchLabel, Tree
from .whole import write_whole

_NO_PARENT = -1
_FLAG_BITS = {
    BranchFlag.BRIDGED: 1,
    BranchFlag.LEAK_SUSPECTED: 2,
    BranchFlag.LOOP_REMOVED: 4,
    BranchFlag.MANUALLY_EDITED: 8,
}


def write_tree_vtp(tree: Tree, path: str | Path) -> None:
    """Write centrelines as poly lines in LPS mm with arrays for colouring.

    Cell and point arrays: ``BranchId``, ``ParentId`` (-1 for the root), ``Generation``, ``StrahlerOrder``,
    ``HorsfieldOrder``, ``Confidence``, ``LabelId``, ``Flags`` (1 bridged, 2 leak suspected, 4 loop removed, 8 edited).
    Point arrays besides: ``Radius``, ``RadiusLow``, ``RadiusHigh`` (mm), ``Up`` (3). Field arrays: ``LabelName``
    (by ``LabelId``; 0 is "no label"), ``LabelConfidence`` (by branch), ``SPACE`` = "LPS" (Slicer reads it), ``UNIT``.

    Raises
    ------
    SenseCareError
        When the file cannot be written.
    """
    data = poly_data(tree)

    def write(partial: Path) -> None:
        """Write to a file that takes its final name only when it is whole."""
        writer = vtkXMLPolyDataWriter()
        writer.SetFileName(str(partial))
        writer.SetInputData(data)
        if not writer.Write():
            raise SenseCareError(f"The centrelines could not be written to {Path(path).name}.")

    write_whole(path, write)


def poly_data(tree: Tree) -> Any:
    """Return the tree as vtkPolyData, as :func:`write_tree_vtp` writes it."""
    branches = list(tree)
    names = ["", *sorted({branch.label.code for branch in branches if branch.label is not None})]
    counts = np.array([len(branch.radius_mm) for branch in branches], dtype=np.int64)
    data = vtkPolyData()
    points = vtkPoints()
    points.SetDataTypeToDouble()
    points.SetData(_vtk(np.concatenate([branch.points_lps_mm for branch in branches]), ""))
    lines = vtkCellArray()
    offsets = np.concatenate([[0], np.cumsum(counts)])
    lines.SetData(_vtk(offsets, ""), _vtk(np.arange(offsets[-1]), ""))
    data.SetPoints(points)
    data.SetLines(lines)
    for name, values in _branch_arrays(branches, names).items():
        data.GetCellData().AddArray(_vtk(values, name))
        data.GetPointData().AddArray(_vtk(np.repeat(values, counts), name))
    _add_point_arrays(data, branches)
    confidence = [np.nan if branch.label is None else branch.label.confidence for branch in branches]
    data.GetFieldData().AddArray(_vtk(confidence, "LabelConfidence"))
    for name, texts in (("LabelName", names), ("SPACE", ["LPS"]), ("UNIT", ["mm"])):
        data.GetFieldData().AddArray(_strings(name, texts))
    return data


def _branch_arrays(branches: Sequence[Branch], names: Sequence[str]) -> dict[str, Any]:
    return {
        "BranchId": np.array([branch.id for branch in branches], dtype=np.int64),
        "ParentId": np.array([_NO_PARENT if b.parent_id is None else b.parent_id for b in branches], dtype=np.int64),
        "Generation": np.array([branch.generation for branch in branches], dtype=np.int32),
        "StrahlerOrder": np.array([branch.strahler_order for branch in branches], dtype=np.int32),
        "HorsfieldOrder": np.array([branch.horsfield_order for branch in branches], dtype=np.int32),
        "Confidence": np.array([branch.confidence for branch in branches]),
        "LabelId": np.array([names.index(b.label.code) if b.label is not None else 0 for b in branches], dtype=np.int32),
        "Flags": np.array([sum(_FLAG_BITS[flag] for flag in branch.flags) for branch in branches], dtype=np.int32),
    }


def _add_point_arrays(data: Any, branches: Sequence[Branch]) -> None:
    interval = np.concatenate([branch.radius_interval_mm for branch in branches])
    arrays = {
        "Radius": np.concatenate([branch.radius_mm for branch in branches]),
        "RadiusLow": interval[:, 0],
        "RadiusHigh": interval[:, 1],
        "Up": np.concatenate([branch.frames[:, 1] for branch in branches]),
    }
    for name, values in arrays.items():
        data.GetPointData().AddArray(_vtk(values, name))
    data.GetPointData().SetActiveScalars("Radius")


def _vtk(values: ArrayLike, name: str) -> Any:
    array = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
    array.SetName(name)
    return array


def _strings(name: str, texts: Sequence[str]) -> Any:
    array = vtkStringArray()
    array.SetName(name)
    for text in texts:
        array.InsertNextValue(text)
    return array


def read_tree_vtp(path: str | Path) -> Tree:
    """Read a tree that :func:`write_tree_vtp` wrote; frames are carried anew from the root's stored "up".

    Label alternatives, removed loops, bridges and notes are not in a VTP: use the JSON where they matter.

    Raises
    ------
    InputError
        When the file is missing, not a VTP, or lacks the arrays of a tree.
    """
    name = Path(path).name
    if not Path(path).is_file():
        raise InputError(f"The centreline file {name} does not exist.")
    reader = vtkXMLPolyDataReader()
    if not reader.CanReadFile(str(path)):
        raise InputError(f"The centreline file {name} is not a VTK poly data file.")
    reader.SetFileName(str(path))
    reader.Update()
    data = reader.GetOutput()
    missing = [key for key in ("BranchId", "ParentId") if data.GetCellData().GetArray(key) is None]
    missing += [key for key in ("Radius", "RadiusLow", "RadiusHigh", "Up") if data.GetPointData().GetArray(key) is None]
    if missing or data.GetNumberOfLines() == 0:
        raise InputError(f"The centreline file {name} holds no tree.", detail=f"missing arrays: {missing}")
    branches, first_up = _branches_of(data)
    root = next((branch.id for branch in branches if branch.parent_id is None), -1)
    return assemble(branches, root, first_up=first_up)


def _branches_of(data: Any) -> tuple[list[Branch], FloatArray]:
    points = vtk_to_numpy(data.GetPoints().GetData()).astype(np.float64)
    per_point = {key: vtk_to_numpy(data.GetPointData().GetArray(key)) for key in ("Radius", "RadiusLow", "RadiusHigh", "Up")}
    cell = {
        key: vtk_to_numpy(data.GetCellData().GetArray(key)) for key in ("BranchId", "ParentId", "Confidence", "LabelId", "Flags")
    }
    offsets = vtk_to_numpy(data.GetLines().GetOffsetsArray())
    index = vtk_to_numpy(data.GetLines().GetConnectivityArray())
    names = data.GetFieldData().GetAbstractArray("LabelName")
    label_confidence = vtk_to_numpy(data.GetFieldData().GetArray("LabelConfidence"))
    branches, first_up = [], np.zeros(3)
    for at in range(len(cell["BranchId"])):
        own = index[offsets[at] : offsets[at + 1]]
        label_id, parent = int(cell["LabelId"][at]), int(cell["ParentId"][at])
        label = BranchLabel(names.GetValue(label_id), float(label_confidence[at])) if label_id else None
        flags = frozenset(flag for flag, bit in _FLAG_BITS.items() if int(cell["Flags"][at]) & bit)
        if parent == _NO_PARENT:
            first_up = per_point["Up"][own[0]].astype(np.float64)
        branches.append(
            Branch(
                int(cell["BranchId"][at]),
                None if parent == _NO_PARENT else parent,
                (),
                points[own],
                per_point["Radius"][own].astype(np.float64),
                np.stack([per_point["RadiusLow"][own], per_point["RadiusHigh"][own]], axis=1).astype(np.float64),
                no_frames(len(own)),
                label=label,
                flags=flags,
                confidence=float(cell["Confidence"][at]),
            )
        )
    return branches, first_up
