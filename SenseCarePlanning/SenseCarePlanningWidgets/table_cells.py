"""Cells and headers of the panels' tables."""

from typing import Any

import qt


def text_cell(text: Any, tip: Any = "", right: Any = False) -> Any:
    """Return a table item."""
    item = qt.QTableWidgetItem(text)
    if tip:
        item.setToolTip(tip)
    if right:
        item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
    return item


def set_headers(table: Any, titles: Any, tips: Any = ()) -> None:
    """Set a table's columns."""
    table.setColumnCount(len(titles))
    table.setHorizontalHeaderLabels(list(titles))
    for at, tip in enumerate(tips):
        table.horizontalHeaderItem(at).setToolTip(tip)
