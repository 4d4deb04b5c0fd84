"""Steps that tests of the CardiacCTA panel share."""

from __future__ import annotations

WAIT_S = 90


def settle(desktop, panel):
    """Wait until all that goes on beside the window is shown."""
    session = panel.session
    desktop.process_events(until=lambda: not session.taking_up and not session.preparing, timeout=WAIT_S)
    desktop.process_events(until=lambda: not panel.vesselPanel.drawing, timeout=WAIT_S)


def choose(desktop, panel, table, row):
    """Choose a row of a table as a click on it does."""
    table.selectRow(row)
    settle(desktop, panel)
