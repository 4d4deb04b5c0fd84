"""The table of cases: filled without holding up the window, searched, and chosen from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import qt

from SenseCarePlanningLib.case_folder import CaseFolder

from .background import Background
from .cases import Case, read_results, result_case, result_places, study_cases
from .error_message import show_failure
from .texts import tr as _

AT_ONCE = 20
"""So many cases are listed, and studies asked of the database, before the window gets its turn."""


class CaseList:
    """Fills a ``QTableWidget`` with cases.

    Parameters
    ----------
    table
        Four columns: what it is, the patient, the study, date.
    on_choice
        Called with the chosen case, or None.
    """

    def __init__(self, table: Any, on_choice: Callable[[Case | None], None]) -> None:
        self.table = table
        self._on_choice = on_choice
        self._cases: list[Case] = []
        self._rows: list[Case] = []
        self._search = ""
        self._reading: Background | None = None
        self._waiting: Iterator[Case] = iter(())
        self._filling = False
        self._round = 0
        self._wanted = ""
        table.setColumnCount(4)
        table.setHorizontalHeaderLabels([_("Kind"), _("Patient"), _("Study"), _("Date")])
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
        """Whether cases are still being read."""
        return self._filling

    @property
    def cases(self) -> tuple[Case, ...]:
        """All cases, shown or not."""
        return tuple(self._cases)

    def refresh(self, wanted: str = "") -> None:
        """Read all cases again: results beside the window, then studies by and by; the one with a key is chosen when it comes."""
        current = self.current()
        self._wanted = wanted or (current.key if current is not None else self._wanted)
        self.stop()
        self._filling = True
        places = result_places()
        self._reading = Background(lambda: read_results(places), self._take_results, self._take_failure)
        self._reading.start()

    def stop(self) -> None:
        """Read no more: the module is unloaded."""
        if self._reading is not None:
            self._reading.forget()
            self._reading = None
        self._waiting, self._filling = iter(()), False
        self._round += 1

    def _take_results(self, results: list[CaseFolder]) -> None:
        self._reading = None
        self._cases = []
        self._waiting = itertools.chain(map(result_case, results), study_cases())
        self._show()
        self._take_more(self._round)

    def _take_failure(self, failure: Exception) -> None:
        show_failure(failure)
        self._take_results([])

    def search(self, text: str) -> None:
        """Show the cases whose name, study or date holds a text."""
        self._search = text.strip().lower()
        current = self.current()
        self._wanted = current.key if current is not None else self._wanted
        self._show()

    def current(self) -> Case | None:
        """Return the chosen case."""
        row = self.table.currentRow()
        return self._rows[row] if 0 <= row < len(self._rows) and self.table.selectedItems() else None

    def choose(self, key: str) -> bool:
        """Choose the case with a key; False when it is not shown."""
        for row, case in enumerate(self._rows):
            if case.key == key:
                self.table.selectRow(row)
                return True
        return False

    def _take_more(self, reading: int) -> None:
        if reading != self._round or not self.table:  # another reading has begun, or the panel is gone
            return
        more = list(itertools.islice(self._waiting, AT_ONCE))
        self._cases += more
        if more:
            self._add_rows([case for case in more if self._is_shown(case)])
            qt.QTimer.singleShot(0, lambda: self._take_more(reading))
        else:
            self._filling = False
            if self.current() is None:
                self._on_choice(None)

    def _is_shown(self, case: Case) -> bool:
        return self._search in f"{case.state} {case.name} {case.study} {case.date}".lower()

    def _show(self) -> None:
        blocked = self.table.blockSignals(True)
        self.table.clearSelection()
        self.table.setRowCount(0)
        self.table.blockSignals(blocked)
        self._rows = []
        self._add_rows([case for case in self._cases if self._is_shown(case)])
        if self.current() is None and (self._rows or not self.filling):
            self._on_choice(None)

    def _add_rows(self, cases: list[Case]) -> None:
        """Add rows at the end; the case that is waited for is chosen when it is among them."""
        blocked = self.table.blockSignals(True)
        first = len(self._rows)
        self._rows += cases
        self.table.setRowCount(first + len(cases))
        for row, case in enumerate(cases, first):
            place = [str(case.result.folder)] if case.result is not None else []
            for column, text in enumerate((case.state, case.name, case.study, case.date)):
                item = qt.QTableWidgetItem(text)
                item.setToolTip("\n".join(one for one in (text, *place) if one))
                self.table.setItem(row, column, item)
        self.table.blockSignals(blocked)
        if self._wanted in {case.key for case in cases} and self.current() is None:
            self.choose(self._wanted)

    def _on_selection(self) -> None:
        case = self.current()
        if case is not None:
            self._wanted = case.key
        self._on_choice(case)
