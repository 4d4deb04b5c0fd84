"""What is present on this machine: the packages that each engine needs, the models, room for results."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import qt
import slicer

from . import dependency_installer
from .texts import tr as _

GIGABYTE = 1024.0**3
ROOM_NEEDED_GB = 1.0
"""A result folder with scene, video and report takes 0.1 to 0.5 GB; a run needs as much again while it writes."""


@dataclass(frozen=True)
class Finding:
    """One line of the check: what, how it is, and whether that is enough."""

    what: str
    state: str
    enough: bool


def findings(engine: str, model_count: int, results: Path) -> list[Finding]:
    """Return the lines of the check for an engine.

    Parameters
    ----------
    engine
        ``classical``, ``bundle`` or ``totalsegmentator``.
    model_count
        How many network models are on this machine.
    results
        Where results go; the nearest existing folder above it is looked at.
    """
    application = f"{slicer.app.majorVersion}.{slicer.app.minorVersion}"
    lines = [Finding("3D Slicer", application, (int(slicer.app.majorVersion), int(slicer.app.minorVersion)) >= (5, 10))]
    for one in dependency_installer.status(engine):
        label = _("{package}: {purpose}").format(package=one.package.name, purpose=_(one.package.purpose))
        if one.enough:
            state = one.version or _("present")
        else:
            state = _("{version}, too old").format(version=one.version) if one.version else _("missing")
        lines.append(Finding(label, state, one.enough))
    if engine == "bundle":
        state = _("{count} found").format(count=model_count) if model_count else _("none: add one under Models")
        lines.append(Finding(_("Network models"), state, model_count > 0))
    place = results
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free / GIGABYTE
    lines.append(Finding(_("Room for results"), _("{free} GB free").format(free=f"{free:.0f}"), free >= ROOM_NEEDED_GB))
    return lines


def fill_table(table: Any, lines: list[Finding]) -> None:
    """Show the lines in a ``QTableWidget`` with three columns."""
    table.setColumnCount(3)
    table.setHorizontalHeaderLabels(["", _("What"), _("State")])
    table.setSelectionMode(qt.QAbstractItemView.NoSelection)
    table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
    table.verticalHeader().visible = False
    header = table.horizontalHeader()
    header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
    header.setSectionResizeMode(1, qt.QHeaderView.Stretch)
    table.setRowCount(len(lines))
    for row, line in enumerate(lines):
        for column, text in enumerate(("✓" if line.enough else "✗", line.what, line.state)):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(f"{line.what}: {line.state}")
            table.setItem(row, column, item)
