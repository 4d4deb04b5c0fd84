"""The progress box, the report page and the sentences for failures."""

from __future__ import annotations

import logging

import pytest
from hub_data import write_result


def outcome(**facts):
    from SenseCarePlanningWidgets.process_runner import RunOutcome

    return RunOutcome(**{"ok": False, **facts})


def test_the_box_shows_step_bar_and_log_and_asks_to_stop_once(desktop):
    from SenseCarePlanningWidgets.progress_box import ProgressBox

    pressed = []
    box = ProgressBox(lambda: pressed.append(1))
    assert not box.widget.visible
    box.start()
    box.show_progress("Airway tree", 0.456)
    assert (box.step_label.text, box.bar.value) == ("Airway tree", 46)
    box.show_progress("Airway tree", 1.0)
    assert "Airway tree: 0." in box.log_view.toPlainText()
    desktop.click(box.cancel_button)
    assert pressed == [1] and not box.cancel_button.enabled
    box.show_progress("Lobes", 0.1)
    assert box.step_label.text == "Stopping ..."
    box.finish(outcome(cancelled=True, message="Stopped; nothing was written.", seconds=75.0))
    assert (box.step_label.text, box.seconds_label.text) == ("Stopped; nothing was written.", "1:15")
    assert not box.cancel_button.visible
    box.start()
    assert box.cancel_button.enabled and box.log_view.toPlainText() == ""


def test_a_refused_input_opens_the_log_with_every_problem(desktop):
    from SenseCarePlanningWidgets.progress_box import ProgressBox

    box = ProgressBox()
    box.start()
    box.finish(outcome(message="The plan cannot be made as asked.", problems=("one", "two")))
    assert not box.log_box.collapsed
    assert box.log_view.toPlainText().splitlines() == ["one", "two"]


def test_steps_and_failures_are_in_the_users_language(desktop):
    from SenseCarePlanningWidgets.error_message import sentence_of
    from SenseCarePlanningWidgets.progress_box import ProgressBox

    desktop.language("zh_CN")
    box = ProgressBox()
    box.start()
    box.show_progress("Airway tree", 0.5)
    assert box.step_label.text == "气道树"
    assert "内存" in sentence_of(MemoryError())
    assert box.cancel_button.text == "取消"


def test_a_simplified_page_keeps_texts_pairs_tables_and_pictures(desktop):
    from SenseCarePlanningWidgets.report_view import simplified_html

    page = (
        "<html><head><style>p{color:red}</style></head><h1>Plan</h1><dl class='pairs'><div><dt>Age</dt><dd>63</dd></div></dl>"
        "<table><tr><td>4.2 mm</td></tr></table><svg><path d='M0'/></svg>"
        "<figure><img src='a.png'><figcaption>Route</figcaption></figure>"
    )
    simple = simplified_html(page, 400)
    for gone in ("color:red", "<svg", "<dl", "<figure"):
        assert gone not in simple
    for kept in ("Plan", ">Age</td><td>63</td></tr></table>", "4.2 mm", '<img width="340" src=', "<small>Route"):
        assert kept in simple


WIDE = """<div class="scroll"><table class="compact"><caption>All branches</caption>
<thead><tr><th scope="col">编号</th>{titles}</tr></thead><tbody>{rows}</tbody></table></div>"""


def wide_page(columns):
    """A report's table of some columns, as the template writes it."""
    titles = "".join(f'<th scope="col" class="right">管径 {at}<br>(mm，95 %)</th>' for at in range(1, columns))
    cells = "".join(f'<td class="right">{at}.25 (1.00–9.99) thoracoabdominal</td>' for at in range(1, columns))
    row = f'<tr><td class="left">RB6b</td>{cells}</tr>\n'
    return f"<html><head></head><body>{WIDE.format(titles=titles, rows=row * 40)}</body></html>"


def test_on_a_narrow_page_a_wide_table_is_told_row_by_row(desktop):
    from SenseCarePlanningWidgets.report_view import simplified_html

    narrow, large = (simplified_html(wide_page(9), width) for width in (420, 900))
    assert "<table" not in narrow and "<p>All branches</p>" in narrow
    assert narrow.count("<p><b>编号 RB6b</b> · 管径 1 (mm，95 %): 1.25 (1.00–9.99) thoracoabdominal · ") == 40
    assert "<table" in large and "<thead>" in large
    assert "<table" in simplified_html(wide_page(4), 420)


@pytest.mark.parametrize("columns", [3, 9])
def test_the_page_in_the_panel_needs_no_scrolling_sideways(desktop, tmp_path, monkeypatch, columns):
    import slicer

    from SenseCarePlanningWidgets.report_view import PANEL_SIZE, ReportView

    monkeypatch.delattr(slicer, "qSlicerWebWidget")
    folder = write_result(tmp_path / "One")
    (folder / "report.html").write_text(wide_page(columns), encoding="utf-8")
    view = ReportView()
    view.widget.resize(*PANEL_SIZE)
    view.widget.show()
    assert view.show_folder(folder)
    desktop.process_events()
    assert view.page.view.verticalScrollBar().maximum > 0
    assert view.page.view.horizontalScrollBar().maximum == 0


def test_without_a_web_view_the_page_is_still_shown(desktop, tmp_path, monkeypatch):
    import slicer

    from SenseCarePlanningWidgets.report_view import ReportView

    monkeypatch.delattr(slicer, "qSlicerWebWidget")
    view = ReportView()
    assert view.note.text == "No report is open." and view._page is None
    assert view.show_folder(write_result(tmp_path / "One"))
    assert "Bronchoscopy plan" in view.page.view.toPlainText()
    assert view.note.isHidden() and not view.page.view.isHidden()
    (tmp_path / "empty").mkdir()
    assert not view.show_folder(tmp_path / "empty")
    assert "no report yet" in view.note.text
    assert not view.note.isHidden() and view.page.view.isHidden()
    assert not view.print_button.enabled and view.folder_button.enabled


def test_every_failure_becomes_one_sentence_with_its_problems(desktop, caplog):
    from SenseCarePlanningLib.errors import InputError
    from SenseCarePlanningWidgets.error_message import sentence_of, shown_failures

    with caplog.at_level(logging.ERROR), shown_failures():
        raise InputError("The CT cannot be used.", ["slice 3 is missing", "slice 9 is missing"])
    assert "The CT cannot be used." in caplog.text and "slice 9 is missing" in caplog.text
    assert "(No space left on device)" in sentence_of(OSError(28, "No space left on device"))
    assert sentence_of(KeyError("patient name")).count("\n") == 0
    assert "patient name" not in sentence_of(KeyError("patient name"))


@pytest.mark.parametrize("dark", [False, True])
def test_the_box_brings_no_colours_of_its_own(desktop, dark):
    from SenseCarePlanningWidgets.progress_box import ProgressBox

    desktop.dark(dark)
    box = ProgressBox()
    assert all(one.styleSheet == "" for one in (box.widget, box.step_label, box.bar, box.log_view))


def test_a_picture_that_follows_at_once_is_shown_not_the_one_before(desktop):
    import numpy as np
    import qt

    from SenseCarePlanningWidgets.picture import PictureStore

    store, label = PictureStore(), qt.QLabel()
    for level in (10, 200, 90):  # same name, same size, within a second
        store.show(label, np.full((20, 30, 3), level, dtype=np.uint8))
        assert label.pixmap.toImage().pixelColor(5, 5).red() == level
    store.close()
