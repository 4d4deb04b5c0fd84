"""Wrapped Qt objects behave, and refuse, as under PythonQt."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def qt(desktop):
    import qt

    return qt


@pytest.fixture
def ctk(desktop):
    import ctk

    return ctk


def test_a_property_is_a_value_and_never_a_method(qt):
    label = qt.QLabel("text")
    assert label.text == "text"
    with pytest.raises(TypeError):
        label.text()
    assert qt.QCheckBox().isChecked() is False
    assert label.name == label.objectName == ""


@pytest.mark.parametrize("name", ["minimun", "setNodeTypes", "windowTitel"])
def test_unknown_names_are_attribute_errors(qt, name):
    button = qt.QPushButton()
    with pytest.raises(AttributeError):
        getattr(button, name)
    with pytest.raises(AttributeError, match="not allowed"):
        setattr(button, name, 1)


def test_plain_methods_of_ctk_and_slicer_classes_are_not_there(desktop, ctk):
    import slicer

    for widget, names in (
        (ctk.ctkSliderWidget(), ("setMinimum", "setRange", "setSingleStep")),
        (ctk.ctkCollapsibleButton(), ("setCollapsed", "isFlat")),
        (slicer.qMRMLNodeComboBox(), ("setNodeTypes", "setNoneEnabled", "nodes")),
        (slicer.app, ("mainWindow",)),
    ):
        for name in names:
            with pytest.raises(AttributeError):
                getattr(widget, name)


def test_keywords_and_wrong_counts_are_value_errors(qt):
    with pytest.raises(ValueError, match="kwargs"):
        qt.QLabel(text="a")
    layout = qt.QHBoxLayout()
    with pytest.raises(ValueError, match="kwargs"):
        layout.addWidget(qt.QLabel(), stretch=1)
    with pytest.raises(ValueError, match="wrong number"):
        qt.QLabel().setText()
    with pytest.raises(ValueError, match="matching overload"):
        qt.QSlider("a", "b")


def test_conversions_are_lenient(desktop, qt):
    import slicer

    label, spin, selector = qt.QLabel(), qt.QSpinBox(), slicer.qMRMLNodeComboBox()
    label.text = 5
    assert label.text == "5"
    label.setText(None)
    assert label.text == "None"
    spin.value = 2.7
    assert spin.value == 2
    spin.enabled = "yes"
    assert spin.enabled is True
    selector.nodeTypes = "abc"
    assert selector.nodeTypes == ("a", "b", "c")
    with pytest.raises(AttributeError, match="does not accept"):
        spin.value = "many"
    with pytest.raises(AttributeError, match="not writable"):
        spin.width = 3


def test_lists_come_as_tuples_and_enumerators_as_ints(qt):
    widget = qt.QWidget()
    assert widget.children() == ()
    assert qt.Qt.AlignLeft | qt.Qt.AlignTop == 33
    assert qt.QMessageBox.Ok == qt.QMessageBox.StandardButton.Ok == 0x400
    assert not hasattr(qt.QMessageBox.Ok, "value")
    label = qt.QLabel()
    label.setAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
    assert label.alignment == 130
    assert qt.QProcess.NotRunning == 0


def test_no_class_is_an_instance_of_its_base(qt):
    button = qt.QPushButton()
    assert isinstance(button, qt.QPushButton)
    assert not isinstance(button, qt.QWidget)
    assert not issubclass(qt.QPushButton, qt.QAbstractButton)
    assert button.inherits("QWidget")
    assert button.className() == "QPushButton"


def test_signals_by_signature(desktop, qt):
    button, calls = qt.QPushButton(), []
    assert button.connect("clicked(bool)", lambda: calls.append("none"))
    assert button.connect("clicked(bool)", lambda value="default": calls.append(value))
    assert button.connect("clicked()", lambda *values: calls.append(values))
    assert button.clicked.connect(functools.partial(lambda *values: calls.append(values)))
    button.click()
    assert calls == ["none", False, (), (False,)]
    for wrong in ("clicked", "clicked(int)", "pushed()"):
        assert button.connect(wrong, print) is False
    assert len(desktop.take_faults("unknown signal")) == 3


def test_disconnect_compares_with_equality(qt):
    button, calls = qt.QPushButton(), []

    class Owner:
        def slot(self):
            calls.append(1)

    owner = Owner()
    button.connect("clicked()", owner.slot)
    assert button.disconnect("clicked()", owner.slot)
    assert not button.disconnect("clicked()", lambda: None)
    button.connect("clicked()", owner.slot)
    assert button.disconnect("clicked()")
    with pytest.raises(ValueError, match="wrong number"):
        button.disconnect()
    button.click()
    assert calls == []


def test_slot_to_slot(qt, ctk):
    spin, slider = qt.QDoubleSpinBox(), ctk.ctkSliderWidget()
    assert slider.connect("valueChanged(double)", spin, "setValue(double)")
    slider.value = 12.0
    assert spin.value == 12.0
    slider.blockSignals(True)
    slider.value = 13.0
    assert spin.value == 12.0


def test_what_has_no_owner_dies_with_its_last_reference(desktop, qt):
    calls = []

    def forget():
        timer = qt.QTimer()
        timer.timeout.connect(lambda: calls.append("lost"))
        timer.start(0)

    forget()
    kept = qt.QTimer()
    kept.timeout.connect(lambda: calls.append("kept"))
    kept.setSingleShot(True)
    kept.start(0)
    qt.QTimer.singleShot(0, lambda: calls.append("shot"))
    desktop.process_events(until=lambda: len(calls) == 2)
    desktop.process_events()
    assert sorted(calls) == ["kept", "shot"]
    parent = qt.QWidget()
    qt.QLabel("child", parent)
    layout = qt.QVBoxLayout()
    layout.addWidget(qt.QPushButton("in a layout"))
    parent.setLayout(layout)
    assert {one.className() for one in parent.children()} == {"QLabel", "QPushButton", "QVBoxLayout"}
    assert layout.itemAt(0).widget().text == "in a layout"


def test_a_destroyed_object_is_false_and_equals_none(qt):
    parent = qt.QWidget()
    child = qt.QLabel("x", parent)
    parent.delete()
    assert not child
    assert child == None  # noqa: E711
    with pytest.raises(ValueError, match="destroyed"):
        child.text  # noqa: B018


def test_python_subclasses_of_qt_classes_override_virtuals_and_take_attributes(desktop, qt):
    class Dialog(qt.QDialog):
        def __init__(self, parent=None):
            super().__init__(parent)
            self.events = []

        def closeEvent(self, event):
            self.events.append("close")
            qt.QDialog.closeEvent(self, event)

    class Filter(qt.QObject):
        def eventFilter(self, watched, event):
            self.seen = event.type()
            return False

    dialog, watcher = Dialog(), Filter()
    dialog.installEventFilter(watcher)
    dialog.show()
    dialog.close()
    assert dialog.events == ["close"]
    assert isinstance(watcher.seen, int)


def test_children_are_found_by_class_and_name(qt):
    root = qt.QWidget()
    inner = qt.QWidget(root)
    label = qt.QLabel("x", inner)
    label.name = "answer"
    assert root.findChild(qt.QLabel, "answer") == label
    assert root.findChildren("QWidget") == (inner, label)
    assert inner.answer == label
    assert root.findChild("QPushButton") is None


def test_static_dialogs_return_text_and_must_be_expected(desktop, qt):
    desktop.expect_dialog("QFileDialog.getSaveFileName", "/tmp/plan.pdf")
    assert qt.QFileDialog.getSaveFileName(None, "Save") == "/tmp/plan.pdf"
    assert qt.QFileDialog.getOpenFileName(None, "Open") == ""
    dialog = qt.QDialog()
    assert dialog.exec_() == qt.QDialog.Rejected
    desktop.expect_dialog("QDialog", lambda open_dialog: open_dialog.accept())
    assert dialog.exec_() == qt.QDialog.Accepted
    assert len(desktop.take_faults("unexpected dialog")) == 2


def test_a_child_process_reports_and_is_killed(desktop, qt, tmp_path):
    import sys

    process, text = qt.QProcess(), []
    process.setProcessChannelMode(qt.QProcess.MergedChannels)
    process.connect("readyReadStandardOutput()", lambda: text.append(process.readAllStandardOutput().data().decode()))
    ended = []
    process.connect("finished(int,QProcess::ExitStatus)", lambda code, status: ended.append((code, int(status))))
    process.start(sys.executable, ["-c", "print('begun', flush=True); import time; time.sleep(60)"])
    desktop.process_events(until=lambda: bool(text))
    process.kill()
    desktop.process_events(until=lambda: bool(ended))
    assert "begun" in text[0]
    assert ended[0][1] == qt.QProcess.CrashExit


def test_a_long_run_does_not_use_up_none(desktop):
    code = (
        "from PySide6.QtCore import QObject\nfrom standin import none_stock\nnone_stock.fill()\nmade = QObject()\n"
        "for _ in range(300_000):\n    made.parent()\nprint('still here')"
    )
    here = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "still here"), done.stderr[-500:]
