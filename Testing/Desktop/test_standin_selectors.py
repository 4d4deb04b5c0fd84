"""Selectors of nodes, segments and points follow the scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import vtk

SAMPLE = Path(__file__).parent / "sample" / "Sample" / "Sample.py"


def add(name, kind="vtkMRMLScalarVolumeNode"):
    import slicer

    return slicer.mrmlScene.AddNewNodeByClass(kind, name)


def test_a_node_selector_waits_for_its_scene_and_emits_in_order(desktop):
    import slicer

    selector, calls = slicer.qMRMLNodeComboBox(), []
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode", ""]
    selector.noneEnabled = True
    for signal in ("currentNodeChanged(vtkMRMLNode*)", "currentNodeChanged(bool)", "currentNodeIDChanged(QString)"):
        selector.connect(signal, lambda value, signal=signal: calls.append(signal))
    first = add("first")
    assert not selector.enabled
    selector.setCurrentNode(first)
    assert selector.currentNode() is None
    selector.setMRMLScene(slicer.mrmlScene)
    assert selector.currentNode() is first
    assert calls == ["currentNodeChanged(vtkMRMLNode*)", "currentNodeChanged(bool)", "currentNodeIDChanged(QString)"]
    assert selector.nodeTypes == ("vtkMRMLScalarVolumeNode",)
    assert selector.currentNodeID == first.GetID()
    add("labels", "vtkMRMLLabelMapVolumeNode")
    assert selector.nodeCount() == 2
    selector.showChildNodeTypes = False
    assert selector.nodeCount() == 1
    slicer.mrmlScene.RemoveNode(first)
    assert selector.currentNode() is None


def test_without_none_a_selector_takes_what_is_there(desktop):
    import slicer

    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.addAttribute("vtkMRMLScalarVolumeNode", "Kind", "CT")
    selector.setMRMLScene(slicer.mrmlScene)
    add("other")
    chest, spare = add("chest"), add("spare")
    for node in (chest, spare):
        node.SetAttribute("Kind", "CT")
    selector.noneEnabled = False
    assert selector.currentNode() is chest
    slicer.mrmlScene.RemoveNode(chest)
    assert selector.currentNode() is spare
    made = selector.addNode()
    assert made.GetClassName() == "vtkMRMLScalarVolumeNode"


def test_segments_are_listed_and_chosen(desktop):
    import slicer

    segmentation = add("S", "vtkMRMLSegmentationNode")
    segmentation.CreateDefaultDisplayNodes()
    ids = [segmentation.GetSegmentation().AddEmptySegment(key, key) for key in ("airway", "nodule")]
    selector = slicer.qMRMLSegmentSelectorWidget()
    selector.setMRMLScene(slicer.mrmlScene)
    selector.setCurrentNode(segmentation)
    assert list(selector.segmentIDs()) == ids
    calls = []
    selector.connect("currentSegmentChanged(QString)", calls.append)
    selector.setCurrentSegmentID("nodule")
    assert (selector.currentSegmentID(), calls) == ("nodule", ["nodule"])
    view = slicer.qMRMLSegmentsTableView()
    view.setSegmentationNode(segmentation)
    view.setSelectedSegmentIDs(["airway"])
    assert view.selectedSegmentIDs() == ("airway",)
    segmentation.GetSegmentation().RemoveSegment("nodule")
    assert view.segmentCount == 1
    assert list(selector.segmentIDs()) == ["airway"]


def test_a_table_node_is_shown_and_edited(desktop):
    import slicer

    node = add("T", "vtkMRMLTableNode")
    slicer.util.updateTableFromArray(node, [np.array([1.5, 2.5]), np.array([3, 4])], ["radius", "order"])
    view = slicer.qMRMLTableView()
    view.setMRMLTableNode(node)
    model = view.tableModel()
    assert (model.rowCount(), model.columnCount()) == (2, 2)
    assert model.item(1, 0).text() == "2.5"
    model.item(1, 1).setText("9")
    assert node.GetCellText(1, 1) == "9"
    node.GetTable().GetColumn(0).SetValue(0, 7.25)
    node.GetTable().Modified()
    node.Modified()
    assert model.item(0, 0).text() == "7.25"


def test_points_are_placed_from_the_panel(desktop):
    import slicer

    points = add("Target", "vtkMRMLMarkupsFiducialNode")
    widget = slicer.qSlicerSimpleMarkupsWidget()
    widget.setMRMLScene(slicer.mrmlScene)
    widget.setCurrentNode(points)
    place = widget.markupsPlaceWidget()
    modes = []
    place.connect("activeMarkupsPlaceModeChanged(bool)", modes.append)
    place.setPlaceModeEnabled(True)
    assert place.placeModeEnabled
    slicer.app.applicationLogic().GetInteractionNode().SwitchToViewTransformMode()
    assert not place.placeModeEnabled
    assert modes == [True, False]
    points.AddControlPoint(vtk.vtkVector3d(1.0, 2.0, 3.0), "here")
    assert widget.tableWidget().item(0, 0).text() == "here"
    place.deleteLastPoint()
    assert points.GetNumberOfControlPoints() == 0


def test_a_module_works_without_a_main_window(desktop_without_window):
    import slicer

    assert slicer.app.layoutManager() is None
    assert slicer.util.mainWindow() is None
    desktop_without_window.load_module("Sample", SAMPLE)
    assert desktop_without_window.show_module("Sample").ui.applyButton.text == "Apply"


def test_switching_modules_is_recorded(desktop):
    import slicer

    desktop.load_module("Sample", SAMPLE)
    assert slicer.util.mainWindow().windowTitle == "3D Slicer"
    slicer.util.selectModule("Sample")
    slicer.util.selectModule("SegmentEditor")
    assert desktop.selected_modules == ["Sample", "SegmentEditor"]
    assert slicer.modules.SampleWidget.calls == ["enter", "exit"]
    assert slicer.util.selectedModule() == "SegmentEditor"


def test_a_folded_section_hides_its_widgets(desktop):
    desktop.load_module("Sample", SAMPLE)
    panel = desktop.show_module("Sample")
    assert not panel.ui.thresholdSlider.isHidden()
    folded = []
    panel.ui.inputsCollapsibleButton.connect("contentsCollapsed(bool)", folded.append)
    panel.ui.inputsCollapsibleButton.collapsed = True
    assert panel.ui.thresholdSlider.isHidden()
    panel.ui.inputsCollapsibleButton.collapsed = False
    assert not panel.ui.thresholdSlider.isHidden()
    assert folded == [True, False]


def test_a_page_is_shown_and_printed(desktop, tmp_path):
    import slicer

    page = tmp_path / "report.html"
    page.write_text("<h1>Plan</h1><p>Route 1</p>", encoding="utf-8")
    view, done = slicer.qSlicerWebWidget(), []
    view.connect("loadFinished(bool)", done.append)
    view.connect("pdfPrintingFinished(QString,bool)", lambda path, good: done.append(good))
    view.url = str(page)
    desktop.process_events(until=lambda: bool(done))
    view.printToPdf(str(tmp_path / "report.pdf"))
    assert done == [True, True]
    assert (tmp_path / "report.pdf").read_bytes()[:4] == b"%PDF"
