"""What the modules share: one category in Slicer's menu, in every language."""

from __future__ import annotations

import pytest
from airway_patient import ROOT


@pytest.mark.parametrize("context", ["qSlicerAbstractCoreModule", "SenseCarePlanning", "LungAirway", None])
def test_all_modules_are_in_one_category(desktop, context):
    names = [path.name for path in sorted(ROOT.iterdir()) if (path / f"{path.name}.py").is_file()]
    assert {"SenseCarePlanning", "LungAirway"} <= set(names)

    def catalogue(where, text):
        return f"{text} ({where})" if where == context else text

    desktop.language("zh_CN", catalogue if context else None)
    found = {tuple(desktop.load_module(name).categories) for name in names}
    assert len(found) == 1 and all(found)


@pytest.mark.parametrize("name", ["SenseCarePlanning", "LungAirway"])
def test_forms_are_bound_once_however_often_a_module_is_shown(desktop, monkeypatch, name):
    for one in ("SenseCarePlanning", "LungAirway"):
        desktop.load_module(one)
    panel = desktop.show_module(name)
    kind, bound = type(panel._parameterNode), []
    connect = kind.connectGui
    monkeypatch.setattr(kind, "connectGui", lambda self, gui: bound.append(gui) or connect(self, gui))
    for _time in range(3):
        desktop.leave_module()
        desktop.show_module(name)
    assert bound == []
    desktop.scene.Clear(0)
    desktop.process_events()
    assert len(bound) == 1
    desktop.leave_module()
    desktop.show_module(name)
    assert len(bound) == 1
