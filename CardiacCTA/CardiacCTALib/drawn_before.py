"""What was drawn on a vessel before its last change, from the audit trail alone: for undoing one change after the other."""

from __future__ import annotations

from collections.abc import Sequence

from .reader_change import ChangeKind, ReaderChange
from .reader_changes import renamed_vessels
from .vessel_edit import AS_MEASURED_EDIT, VesselEdit


def drawn_before(changes: Sequence[ReaderChange], name: str) -> tuple[VesselEdit, ...]:
    """Return what undoing leads to, the last change first; empty where nothing is left to undo.

    A change that takes back exactly the one before it is an undo: both are passed over. Any other change, taking everything
    back included, can be undone itself.

    Parameters
    ----------
    changes
        All of the result, oldest first.
    name
        The vessel, as it is called after them.
    """
    called, mine = name, []
    for one in reversed(changes):
        if one.kind is ChangeKind.LABEL:
            called = renamed_vessels(one).get(called, called)
        elif one.kind is ChangeKind.VESSEL and one.subject == called:
            mine.append(one)
    now, before = AS_MEASURED_EDIT, list[VesselEdit]()
    for one in reversed(mine):
        assert one.edit is not None
        if one.place is None and before and one.edit == before[-1]:
            before.pop()
        else:
            before.append(now)
        now = one.edit
    return tuple(reversed(before))
