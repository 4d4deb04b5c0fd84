"""A list with ticks: filled, read and set by what its rows stand for."""

from collections.abc import Collection, Iterable
from typing import Any

import qt

WHAT = 256
"""Qt::UserRole: what a row stands for."""


def fill_list(box: Any, rows: Iterable[tuple[str, str]], all_ticked: bool = False) -> None:
    """Fill a list anew with (what, text) rows that can be ticked, without telling anybody; all of them are, or none."""
    blocked = box.blockSignals(True)
    box.clear()
    for what, text in rows:
        item = qt.QListWidgetItem(text)
        item.setData(WHAT, what)
        item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
        item.setCheckState(qt.Qt.Checked if all_ticked else qt.Qt.Unchecked)
        box.addItem(item)
    box.blockSignals(blocked)


def keep_low(box: Any, height_px: int) -> None:
    """Show a list at a height, without a bar below it."""
    box.horizontalScrollBarPolicy = qt.Qt.ScrollBarAlwaysOff
    box.setFixedHeight(height_px)


def ticked(box: Any) -> tuple[str, ...]:
    """Return what is ticked, in the order of the list."""
    rows = [box.item(at) for at in range(box.count)]
    return tuple(str(item.data(WHAT)) for item in rows if int(item.checkState()) == int(qt.Qt.Checked))


def tick(box: Any, chosen: Collection[str]) -> None:
    """Tick just these, without telling anybody."""
    blocked = box.blockSignals(True)
    for at in range(box.count):
        item = box.item(at)
        item.setCheckState(qt.Qt.Checked if str(item.data(WHAT)) in chosen else qt.Qt.Unchecked)
    box.blockSignals(blocked)
