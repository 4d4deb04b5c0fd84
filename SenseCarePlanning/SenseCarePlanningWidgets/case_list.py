"""The table of cases: filled without holding up the window, searched, and chosen from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import qt

from .cases import Case, result_cases, study_cases
from .texts import tr as _

AT_ONCE = 20
"""So many studies are asked of the database before the window gets its turn."""


class CaseList:
    """Fills a ``QTableWidget`` with cases.

    Parameters
    ----------
    table
        Four columns: kind, name, study, date.
    on_choice
        Called with the chosen case, or None.
    """

    def __init__(self, table: Any, on_choice: Callable[[Case | None], None]) -> None:
        self.table = table
        self._on_choice = on_choice
        self._cases: list[Case] = []
        self._search = ""
        self._waiting: Iterator[Case] = iter(())
        self._round = 0
        self._wanted = ""
        table.setColumnCount(4)
        table.setHorizontalHeaderLabels([_("Kind"), _("Name"), _("Study"), _("Date")])
        table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
        table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        table.verticalHeader().visible = False
        header = table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        for column in (1, 2):
            header.setSectionResizeMode(column, qt.QHeaderView.Stretch)
        table.connect("itemSelectionChanged()", self._on_selection)

    @property
    def filling(self) -> bool:
        """Whether studies are still being read."""
        return self._round < 0

    @property
    def cases(self) -> tuple[Case, ...]:
        """All cases, shown or not."""
        return tuple(self._cases)

    def refresh(self, wanted: str = "") -> None:
        """Read all cases again; the one with a key is chosen when it comes."""
        current = self.current()
        self._wanted = wanted or (current.key if current is not None else "")
        self._cases = result_cases()
        self._waiting = study_cases()
        self._round = -1
        self._show()
        self._take_more()

    def stop(self) -> None:
        """Read no more: the module is unloaded."""
        self._waiting, self._round = iter(()), 0

    def search(self, text: str) -> None:
        """Show the cases whose name, study or date holds a text."""
        self._search = text.strip().lower()
        current = self.current()
        self._wanted = current.key if current is not None else self._wanted
        self._show()

    def current(self) -> Case | None:
        """Return the chosen case."""
        shown = self._shown()
        row = self.table.currentRow()
        return shown[row] if 0 <= row < len(shown) and self.table.selectedItems() else None

    def choose(self, key: str) -> bool:
        """Choose the case with a key; False when it is not shown."""
        for row, case in enumerate(self._shown()):
            if case.key == key:
                self.table.selectRow(row)
                return True
        return False

    def _take_more(self) -> None:
        if not self.filling or not self.table:
            return
        more = list(itertools.islice(self._waiting, AT_ONCE))
        self._cases += more
        if more:
            self._show()
            qt.QTimer.singleShot(0, self._take_more)
        else:
            self._round = 0
            if self.current() is None:
                self._on_choice(None)

    def _shown(self) -> list[Case]:
        return [case for case in self._cases if self._search in f"{case.name} {case.study} {case.date}".lower()]

    def _show(self) -> None:
        blocked = self.table.blockSignals(True)
        self.table.clearSelection()
        shown = self._shown()
        self.table.setRowCount(len(shown))
        for row, case in enumerate(shown):
            kind = _("CT") if case.kind == "study" else _("Result")
            for column, text in enumerate((kind, case.name, case.study, case.date)):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(str(case.result.folder) if case.result is not None else text)
                self.table.setItem(row, column, item)
        self.table.blockSignals(blocked)
        if self._wanted and self.choose(self._wanted):
            return
        if shown or not self.filling:
            self._on_choice(None)

    def _on_selection(self) -> None:
        case = self.current()
        if case is not None:
            self._wanted = case.key
        self._on_choice(case)
