"""A tree with a name that is no bronchus is refused in words, wherever it comes in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from LungAirwayLib.names_by_hand import check_names
from LungAirwayLib.pipeline import AirwayOptions, replan, run
from LungAirwayLib.result_io import load_result, save_result
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.edit import relabel
from SenseCarePlanningLib.tubes.io import save_tree
from SenseCarePlanningLib.volume import LabelMap


def fork() -> LabelMap:
    """A trunk along z that parts in two."""
    lumen = np.zeros((60, 14, 50), dtype=np.uint8)
    lumen[28:58, 4:10, 22:28] = 1
    for step in range(25):
        lumen[28 - step : 32 - step, 5:9, 22 - step * 4 // 5 : 26 - step * 4 // 5] = 1
        lumen[28 - step : 32 - step, 5:9, 24 + step * 4 // 5 : 28 + step * 4 // 5] = 1
    return LabelMap(lumen, np.diag([1.5, 1.5, 1.5, 1.0]))


def test_an_unknown_name_is_refused_with_its_branch(tmp_path: Path) -> None:
    result = run(None, AirwayOptions(airway_mask=fork()))
    tip = result.tree.tips[0]
    tip_id = tip if isinstance(tip, int) else tip.id
    check_names(relabel(result.tree, tip_id, "RB3a"))
    wrong = relabel(result.tree, tip_id, "FOO")
    words = f"branch {tip_id} is named 'FOO'"
    with pytest.raises(InputError, match=words):
        replan(result, wrong, None, AirwayOptions())
    save_result(result, tmp_path)
    save_tree(wrong, tmp_path / "tree.json")
    with pytest.raises(InputError, match=words) as caught:
        load_result(tmp_path)
    assert caught.value.exit_code == 2
