"""Marking an artery that was missed in the CardiacCTA panel: clicks become marks, the marks go into the next analysis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from coronary_steps import WAIT_S


def click_lps(node, *points):
    """Set points as the views do."""
    for point in points:
        node.AddControlPointWorld(*(np.array(point) * (-1, -1, 1)))


def begin(desktop, panel):
    panel.ui.missedBox.collapsed = False
    desktop.click(panel.ui.markButton)
    assert panel.ui.markButton.checked
    return panel.marksPanel.nodes()[-1]


def placing():
    from SenseCarePlanningWidgets.placing_points import is_placing

    return is_placing()


def test_marks_are_labelled_and_counted(desktop, shown):
    assert shown.marksPanel.clicks() == ()
    node = begin(desktop, shown)
    assert placing()
    click_lps(node, (1.0, 2.0, 3.0))
    assert "tip now" in shown.ui.marksLabel.text
    click_lps(node, (30.0, 2.0, 3.0), (30.0, 20.0, 3.0))
    assert [node.GetNthControlPointLabel(at) for at in range(3)] == ["origin", "tip 1", "tip 2"]
    assert "1 arteries with 2 tips" in shown.ui.marksLabel.text
    desktop.click(shown.ui.markButton)
    assert not placing() and not shown.ui.markButton.checked
    desktop.click(shown.ui.clearMarksButton)
    assert shown.marksPanel.nodes() == [] and shown.marksPanel.clicks() == ()


def test_the_arteries_found_are_kept_and_the_marked_ones_added(desktop, shown):
    from small_tree import fork

    trees = (fork(),)
    shown.session.result = replace(shown.session.result, trees=trees)
    node = begin(desktop, shown)
    click_lps(node, trees[0].root.points_lps_mm[5], (30.0, 2.0, 3.0))
    desktop.click(shown.ui.markButton)
    clicks = shown.marksPanel.clicks()
    assert len(clicks) == len(trees)
    assert clicks[0].ostium_lps_mm == pytest.approx(tuple(trees[0].root.points_lps_mm[0]))
    assert clicks[0].tips_lps_mm[-1] == pytest.approx((30.0, 2.0, 3.0))
    assert len(clicks[0].tips_lps_mm) == len(trees[0].tips) + 1


def test_marks_go_to_the_child_and_an_unfinished_one_is_a_sentence(desktop, shown, caplog):
    node = begin(desktop, shown)
    click_lps(node, (-80.0, 2.0, 3.0))
    desktop.click(shown.ui.runButton)
    assert "at least one tip" in caplog.text
    assert not shown.runs.busy and not placing()
    click_lps(node, (-60.5, 2.0, 3.0))
    desktop.click(shown.ui.runButton)
    arguments = shown.runs.job.arguments
    assert "--ostium=-80.00,2.00,3.00" in arguments
    assert arguments[arguments.index("--ostium=-80.00,2.00,3.00") + 1] == "--tip=-60.50,2.00,3.00"
    assert sum(one.startswith("--ostium") for one in arguments) == len(shown.session.result.trees) + 1
    shown.onCancel()
    desktop.process_events(until=lambda: not shown.runs.busy, timeout=WAIT_S)


def test_leaving_the_module_ends_the_marking_and_an_empty_artery_goes(desktop, shown):
    begin(desktop, shown)
    shown.exit()
    assert not placing() and not shown.ui.markButton.checked
    assert shown.marksPanel.nodes() == []
