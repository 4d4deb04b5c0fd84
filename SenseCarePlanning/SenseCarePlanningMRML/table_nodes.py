"""Rows of plain values <-> vtkMRMLTableNode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import vtk

Cell = str | float | int | bool | None


def add_table(scene: Any, columns: Mapping[str, Sequence[Cell]], name: str, units: Mapping[str, str] | None = None) -> Any:
    """Add a table; a column of numbers becomes a double column (None is NaN), any other a text column (None is empty).

    Raises
    ------
    ValueError
        When the columns differ in length.
    """
    lengths = {title: len(values) for title, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of different length: {lengths}")
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    table = vtk.vtkTable()
    for title, values in columns.items():
        table.AddColumn(_column(title, values))
    node.SetAndObserveTable(table)
    node.SetUseColumnTitleAsColumnHeader(True)
    for title, unit in (units or {}).items():
        node.SetColumnUnitLabel(title, unit)
    return node


def _column(title: str, values: Sequence[Cell]) -> vtk.vtkAbstractArray:
    known = [value for value in values if value is not None]
    numeric = bool(known) and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in known)
    array = vtk.vtkDoubleArray() if numeric else vtk.vtkStringArray()
    array.SetName(title)
    for value in values:
        if numeric:
            array.InsertNextValue(float("nan") if value is None else float(value))
        else:
            array.InsertNextValue(_text(value))
    return array


def _text(value: Cell) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def columns_of(node: Any) -> dict[str, list[str]]:
    """Return the columns of a table node as text."""
    table = node.GetTable()
    titles = [table.GetColumnName(at) for at in range(table.GetNumberOfColumns())]
    rows = range(table.GetNumberOfRows())
    return {title: [table.GetValueByName(row, title).ToString() for row in rows] for title in titles}
