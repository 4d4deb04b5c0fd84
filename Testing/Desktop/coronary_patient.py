"""A small coronary result for the tests of the module CardiacCTA: a digital artery with a stenosis, and its scan."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Unit"))


@dataclass(frozen=True)
class CoronaryCase:
    """The result's folder and its scan."""

    folder: Path
    volume: Any


def make_case(folder: Path) -> CoronaryCase:
    """Measure the digital artery and write its result; some seconds."""
    from coronary_results import one_lesion

    from CardiacCTALib.result_io import save_result
    from SenseCarePlanningLib.progress import Progress
    from SenseCarePlanningLib.run_info import run_info
    from SenseCarePlanningLib.whole_folder import whole_folder

    result, tube = one_lesion()
    run = run_info(tube.volume.grid, tube.volume, {"engine": "auto"}, Progress())
    with whole_folder(folder) as scratch:
        save_result(replace(result, run=run), scratch)
        record = {"input_geometry": run.input_geometry, "created": run.created}
        (scratch / "run.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
    return CoronaryCase(folder, tube.volume)


def add_ct(scene: Any, case: CoronaryCase, name: str = "Coronary CT") -> Any:
    """Put the scan into a scene."""
    import numpy as np

    from SenseCarePlanningLib.volume import Volume
    from SenseCarePlanningMRML.volume_nodes import add_volume

    volume: Volume = replace(case.volume, array_kji=np.rint(case.volume.array_kji).astype(np.int16))
    return add_volume(scene, volume, name)
