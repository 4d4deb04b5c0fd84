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
