"""Mistakes in a form that the desktop passes over in silence are found."""

from __future__ import annotations

import pytest

FORM = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>Form</class>
 <widget class="qMRMLWidget" name="Form"><layout class="QVBoxLayout" name="column">
  <item><widget class="{kind}" name="inner">{properties}</widget></item>
 </layout></widget>
 <customwidgets>
  <customwidget><class>qMRMLWidget</class><extends>QWidget</extends><container>1</container></customwidget>
  <customwidget><class>{kind}</class><extends>QWidget</extends></customwidget>
 </customwidgets>
 <connections>{connections}</connections></ui>
"""
LINK = """<connection><sender>{}</sender><signal>{}</signal><receiver>{}</receiver><slot>{}</slot></connection>"""
FOLDED = """<property name="collapsed"><bool>true</bool></property><layout class="QVBoxLayout" name="rows"><item>
<widget class="QTableWidget" name="branches"/></item></layout>"""
GOOD = LINK.format("Form", "mrmlSceneChanged(vtkMRMLScene*)", "inner", "setMRMLScene(vtkMRMLScene*)")


@pytest.fixture
def load(desktop, tmp_path):
    import slicer

    def one(kind="qMRMLNodeComboBox", properties="", connections=GOOD):
        path = tmp_path / "Form.ui"
        path.write_text(FORM.format(kind=kind, properties=properties, connections=connections), encoding="utf-8")
        return slicer.util.loadUI(str(path))

    return one


def test_a_good_form_has_no_fault(desktop, load):
    import slicer

    properties = '<property name="nodeTypes"><stringlist><string>vtkMRMLModelNode</string></stringlist></property>'
    form = load(properties=properties)
    form.setMRMLScene(slicer.mrmlScene)
    assert form.inner.mrmlScene() is slicer.mrmlScene
    assert form.inner.nodeTypes == ("vtkMRMLModelNode",)
    assert desktop.take_faults() == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kind": "qMRMLSceneViewMenu", "connections": ""}, "designer plugin"),
        ({"properties": '<property name="nodeType"><string>x</string></property>'}, "no property nodeType"),
        ({"connections": LINK.format("Form", "sceneChanged()", "inner", "setMRMLScene(vtkMRMLScene*)")}, "sceneChanged"),
        ({"connections": LINK.format("Form", "mrmlSceneChanged(vtkMRMLScene*)", "inner", "setScene()")}, "no slot"),
        ({"connections": LINK.format("Form", "mrmlSceneChanged(vtkMRMLScene*)", "gone", "setMRMLScene()")}, "absent object"),
    ],
)
def test_mistakes_are_faults(desktop, load, change, text):
    load(**change)
    assert len(desktop.take_faults(text)) == 1


def test_enumerators_and_wrong_files(desktop, load, tmp_path):
    import ctk
    import slicer

    form = load(
        kind="ctkPathLineEdit",
        properties='<property name="filters"><set>ctkPathLineEdit::Dirs</set></property>',
        connections="",
    )
    assert form.inner.filters == ctk.ctkPathLineEdit.Dirs
    with pytest.raises(RuntimeError, match="not load"):
        slicer.util.loadUI(str(tmp_path / "absent.ui"))


def test_what_lies_in_a_folded_section_keeps_its_class(desktop, tmp_path):
    import slicer

    text = FORM.format(kind="ctkCollapsibleButton", properties=FOLDED, connections="")
    (tmp_path / "Form.ui").write_text(text, encoding="utf-8")
    ui = slicer.util.childWidgetVariables(slicer.util.loadUI(str(tmp_path / "Form.ui")))
    assert (ui.branches.className(), ui.branches.rowCount) == ("QTableWidget", 0)
    assert ui.branches.isHidden()
    ui.inner.collapsed = False
    assert not ui.branches.isHidden()
