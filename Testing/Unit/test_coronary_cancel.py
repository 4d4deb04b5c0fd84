"""A request to stop is heard within the long steps of the heart, not only between them."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCTALib.atlas_fit import bend_heart, lay_heart
from CardiacCTALib.clicked import Clicks, follow_clicks
from CardiacCTALib.coronary_tree import Course, build_coronary_tree
from CardiacCTALib.heart_region import HeartRegion, find_heart
from CardiacCTALib.segment import segment
from SenseCarePlanningLib.errors import Cancelled
from SenseCarePlanningLib.phantom.coronary import CoronaryOptions, make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_scan import coronary_scanner, scan_coronary
from SenseCarePlanningLib.progress import Progress
from SenseCarePlanningLib.volume import Volume


class Impatient:
    """A user who stops at the given ask within a step; without one, how often each step asked is counted."""

    def __init__(self, step: str = "", at: int = 0) -> None:
        self.step, self.at, self.now = step, at, ""
        self.asked: dict[str, int] = {}

    def show(self, step: str, fraction: float) -> None:
        """Remember the step."""
        self.now = step

    def is_cancelled(self) -> bool:
        """Count, and stop when it is time."""
        self.asked[self.now] = self.asked.get(self.now, 0) + 1
        return self.at > 0 and self.now == self.step and self.asked[self.now] >= self.at


@pytest.fixture(scope="module")
def coarse() -> Volume:
    """A whole heart in large voxels: cheap to scan."""
    return scan_coronary(make_coronary_patient(CoronaryOptions(seed=3)), coronary_scanner(100, 2.0)).volume


@pytest.fixture(scope="module")
def region(coarse: Volume) -> HeartRegion:
    """Its aorta."""
    return find_heart(coarse)


def test_the_fit_of_the_average_heart_stops_at_the_ask_and_prints_nothing(
    region: HeartRegion, capfd: pytest.CaptureFixture[str]
) -> None:
    laid = lay_heart(region)
    for work in (lambda progress: lay_heart(region, progress), lambda progress: bend_heart(region, laid, progress)):
        sink = Impatient(at=4)
        with pytest.raises(Cancelled):
            work(Progress(sink))
        assert sink.asked == {"": 4}
    assert capfd.readouterr() == ("", "")


def test_a_fit_that_is_broken_off_ends_with_what_broke_it_off(region: HeartRegion, capfd: pytest.CaptureFixture[str]) -> None:
    class Pressed(Impatient):
        """Ctrl-C comes while the work asks."""

        def is_cancelled(self) -> bool:
            """Be interrupted at the fourth ask."""
            if super().is_cancelled():
                raise KeyboardInterrupt
            return False

    with pytest.raises(KeyboardInterrupt):
        lay_heart(region, Progress(Pressed(at=4)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("step", ["Chambers", "Coronary arteries"])
def test_the_long_steps_ask_again_and_again(coarse: Volume, step: str) -> None:
    sink = Impatient(step, at=9)
    with pytest.raises(Cancelled):
        segment(coarse, None, Progress(sink))
    assert sink.asked[step] == 9


def test_centring_stops_between_two_rounds_in_its_threads() -> None:
    volume = Volume(np.full((60, 60, 60), -90.0, dtype=np.float32), np.diag([0.5, 0.5, 0.5, 1.0]))
    line = np.stack([np.linspace(4.0, 25.0, 80), np.full(80, 15.0), np.full(80, 15.0)], axis=1)
    with pytest.raises(Cancelled):
        build_coronary_tree(volume, [Course(line, -1)] * 20, 20.0, progress=Progress(Impatient(at=1)))


def test_following_marks_stops() -> None:
    volume = Volume(np.full((60, 60, 60), 400.0, dtype=np.float32), np.diag([0.5, 0.5, 0.5, 1.0]))
    with pytest.raises(Cancelled):
        follow_clicks(volume, [Clicks((5.0, 15.0, 15.0), ((25.0, 15.0, 15.0),))], progress=Progress(Impatient(at=1)))
