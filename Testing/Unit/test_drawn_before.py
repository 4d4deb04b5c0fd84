"""Undoing what was drawn on a vessel, one change after the other, from the audit trail."""

from __future__ import annotations

from CardiacCTALib.drawn_before import drawn_before
from CardiacCTALib.reader_change import ChangeKind, Drawn, DrawnPlace, ReaderChange
from CardiacCTALib.vessel_edit import VesselEdit
from SenseCarePlanningLib.tubes.wall_edit import Anchor


def drawn(name: str, edit: VesselEdit, place: DrawnPlace | None) -> ReaderChange:
    return ReaderChange(ChangeKind.VESSEL, name, "1.00 mm", "1.20 mm", "Dr. Li", "2026-11-02T10:00:00+08:00", "", edit, place)


def test_undoing_goes_back_one_change_at_a_time_whatever_was_undone_before() -> None:
    """What is undone is known from the trail alone: a change back to what was before is no step of its own."""
    here = DrawnPlace(Drawn.LUMEN, 3.0, 90.0)
    one = VesselEdit(lumen=(Anchor(3.0, 90.0, 1.2),))
    two = VesselEdit(lumen=(*one.lumen, Anchor(9.0, 10.0, 1.4)))
    trail = [drawn("LAD", one, here), drawn("RCA", two, here), drawn("LAD", two, here)]
    assert drawn_before(trail, "LAD") == (one, VesselEdit())
    assert drawn_before(trail, "RCA") == (VesselEdit(),)
    assert drawn_before(trail, "LCx") == ()
    back = [*trail, drawn("LAD", one, None)]
    assert drawn_before(back, "LAD") == (VesselEdit(),)
    assert drawn_before([*back, drawn("LAD", VesselEdit(), None)], "LAD") == ()
    all_back = [*trail, drawn("LAD", VesselEdit(), None)]
    assert drawn_before(all_back, "LAD") == (two, one, VesselEdit())


def test_undoing_follows_a_vessel_that_got_another_name() -> None:
    edit = VesselEdit(lumen=(Anchor(3.0, 90.0, 1.2),))
    renamed = ReaderChange(ChangeKind.LABEL, "D1", "D1", "D2", "Dr. Li", "2026-11-02T10:00:00+08:00")
    trail = [drawn("D1", edit, DrawnPlace(Drawn.LUMEN, 3.0, 90.0)), renamed]
    assert drawn_before(trail, "D2") == (VesselEdit(),)
    assert drawn_before(trail, "D1") == ()
