"""Parameter nodes keep typed values in the scene and follow their widgets."""

import enum
from pathlib import Path
from typing import Annotated

import pytest


class Engine(enum.Enum):
    AUTO = 1
    CLASSICAL = 2


@pytest.fixture
def wrapper(desktop):
    import slicer
    from slicer.parameterNodeWrapper import Choice, Default, WithinRange, parameterNodeWrapper, parameterPack

    @parameterPack
    class Camera:
        angle: Annotated[float, WithinRange(10, 120)] = 90.0
        fast: bool = False

    @parameterNodeWrapper
    class Parameters:
        volume: slicer.vtkMRMLScalarVolumeNode
        threshold: Annotated[float, WithinRange(-100, 100)] = 10
        rounds: int = 3
        engine: Engine
        style: Annotated[str, Choice(["lobe", "generation"]), Default("generation")]
        folder: Path
        names: list[str]
        camera: Camera
        target: slicer.vtkMRMLMarkupsFiducialNode | None

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "Parameters")
    return Parameters, node


def test_defaults_are_written_and_read_again(wrapper):
    cls, node = wrapper
    parameters = cls(node)
    assert parameters.threshold == 10.0
    assert (parameters.rounds, parameters.engine, parameters.style) == (3, Engine.AUTO, "generation")
    assert node.GetParameter("engine") == "AUTO"
    assert parameters.camera.angle == 90.0
    parameters.camera.angle = 30.0
    parameters.names.append("LB6")
    again = cls(node)
    assert again.camera.angle == 30.0
    assert again.names == ["LB6"]
    assert again.folder == Path()


@pytest.mark.parametrize(
    ("name", "value"),
    [("rounds", 2.5), ("threshold", "5"), ("threshold", 101.0), ("style", "diameter"), ("engine", "AUTO"), ("camera.angle", 5.0)],
)
def test_nothing_is_converted_and_validators_refuse(wrapper, name, value):
    parameters = wrapper[0](wrapper[1])
    with pytest.raises(ValueError, match=r".+"):
        parameters.setValue(name, value)


def test_nodes_are_references_of_the_right_class(wrapper):
    import slicer

    cls, node = wrapper
    parameters = cls(node)
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    parameters.volume = volume
    assert cls(node).volume is volume
    with pytest.raises(ValueError, match="not of type"):
        parameters.volume = node
    slicer.mrmlScene.RemoveNode(volume)
    assert parameters.volume is None
    assert parameters.target is None


def test_widgets_follow_the_node_and_the_node_the_widgets(wrapper):
    import ctk
    import qt
    import slicer

    class Form:
        pass

    form = Form()
    form.slider, form.spin, form.engine, form.selector = (
        ctk.ctkSliderWidget(),
        qt.QSpinBox(),
        qt.QComboBox(),
        slicer.qMRMLNodeComboBox(),
    )
    for widget, name in ((form.slider, "threshold"), (form.spin, "rounds"), (form.engine, "engine"), (form.selector, "volume")):
        widget.setProperty("SlicerParameterName", name)
    form.selector.setMRMLScene(slicer.mrmlScene)
    parameters = wrapper[0](wrapper[1])
    tag = parameters.connectGui(form)
    assert (form.slider.minimum, form.slider.maximum, form.slider.value) == (-100.0, 100.0, 10.0)
    assert form.engine.currentText == "AUTO"
    form.slider.value = 40.0
    form.engine.currentIndex = 1
    assert parameters.threshold == 40.0
    assert parameters.engine is Engine.CLASSICAL
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    form.selector.setCurrentNode(volume)
    assert parameters.volume is volume
    parameters.rounds = 9
    assert form.spin.value == 9
    parameters.disconnectGui(tag)
    form.spin.value = 1
    assert parameters.rounds == 9


def test_only_exact_widget_classes_and_bounded_sliders_are_bound(wrapper):
    import ctk
    import qt

    parameters = wrapper[0](wrapper[1])
    for widget, name in ((qt.QPlainTextEdit(), "style"), (qt.QSlider(), "rounds"), (ctk.ctkSliderWidget(), "folder")):
        with pytest.raises(RuntimeError, match="no connection"):
            parameters.connectParametersToGui({name: widget})
    with pytest.raises(ValueError, match="no parameter"):
        parameters.connectParametersToGui({"absent": qt.QSpinBox()})
