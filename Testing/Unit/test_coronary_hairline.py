"""A throat that shows no lumen: what its brightness says of a hairline, and plaque brighter than usual that feigns one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Benchmarks"))

from coronary_tube import TubeSpec, make_tube

from CardiacCTALib.hairline import CLOSED_BEFORE, CLOSED_FROM, CLOSED_MAYBE, Hair, Hairline
from CardiacCTALib.lumen import measure_lumen
from CardiacCTALib.occlusion import LumenBrightness
from CardiacCTALib.plaque_level import OPEN_SD_HU, expected_wall
from CardiacCTALib.scan_model import measure_scan
from CardiacCTALib.section_knowledge import PLAQUE_SD_HU
from CardiacCTALib.section_model import LUMEN_RADIUS, OUTER_RADIUS, PARAMETERS
from CardiacCTALib.stenosis import find_lesions

HEALTHY_MM = 3.0


def throat_of(area_mm2: float, error_mm2: float, tissue: bool = True) -> Hairline:
    """The evidence of a lumen of a known line whose area was found with an error."""
    power = 1.0 / error_mm2**2
    return Hairline(10, 20, np.array([area_mm2 * power]), np.array([power]), np.ones(1), tissue)


def hair_of(area_mm2: float, error_mm2: float) -> Hair:
    return throat_of(area_mm2, error_mm2).hair(HEALTHY_MM)


def test_a_sharp_scan_tells_an_occlusion_from_every_lumen_of_five_percent() -> None:
    hair = hair_of(0.0, 0.005)
    assert hair.closed > CLOSED_FROM
    assert (hair.median_mm, hair.low_mm) == (0.0, 0.0)
    assert hair.high_mm < 0.05 * HEALTHY_MM


def test_a_scan_that_tells_nothing_leaves_what_was_known_before() -> None:
    hair = hair_of(0.0, 5.0)
    assert hair.closed == pytest.approx(CLOSED_BEFORE, abs=0.01)
    assert hair.high_mm > 0.3 * HEALTHY_MM


def test_with_usual_noise_none_and_five_percent_are_not_told_apart() -> None:
    five = float(np.pi / 4.0 * (0.05 * HEALTHY_MM) ** 2)
    for area in (0.01, five):
        assert CLOSED_MAYBE < hair_of(area, 0.022).closed < 1.0 - CLOSED_MAYBE


def test_ten_percent_is_seen_and_measured() -> None:
    hair = hair_of(float(np.pi / 4.0 * (0.1 * HEALTHY_MM) ** 2), 0.012)
    assert hair.closed < CLOSED_MAYBE
    assert hair.low_mm < 0.3 < hair.high_mm
    assert hair.median_mm == pytest.approx(0.3, abs=0.03)


def test_where_the_line_may_run_the_evidence_of_the_best_line_is_shared_out() -> None:
    power = np.full(3, 1.0 / 0.012**2)
    lines = Hairline(10, 20, np.array([0.0, 0.07, 0.0]) * power, power, np.array([0.3, 0.4, 0.3]), True)
    sure = throat_of(0.07, 0.012)
    found = float(lines.gain(np.array([0.3]))[0])
    assert found < float(sure.gain(np.array([0.3]))[0])
    assert found == pytest.approx(float(sure.gain(np.array([0.3]))[0]) + np.log(0.4), abs=0.01)


def test_what_a_reader_draws_settles_a_throat() -> None:
    count = 40
    bright = LumenBrightness(
        np.full(count, 3.0), np.full(count, 0.05), 0.4, (throat_of(0.0, 0.005),), np.zeros(count, dtype=bool)
    )
    healthy = np.full(count, HEALTHY_MM)
    found = bright.throat(5, 30, healthy)
    assert found is not None and found[1].closed > CLOSED_FROM
    assert bright.throat(12, 30, healthy) is None
    assert not bright.drawn_closed(5, 30)
    hand = np.zeros(count, dtype=bool)
    hand[12:17] = True
    opened = bright.drawn(hand, np.full(count, 1.0))
    assert opened.throat(5, 30, healthy) is None and not opened.drawn_closed(5, 30)
    closed = bright.drawn(hand, np.full(count, float(np.pi / 4.0 * 0.28**2)))
    assert closed.drawn_closed(5, 30) and not closed.drawn_closed(20, 30)


def test_only_thick_walls_are_asked_for_their_own_level() -> None:
    values = np.zeros((3, PARAMETERS))
    values[:, LUMEN_RADIUS], values[:, OUTER_RADIUS] = 1.0, [1.5, 2.05, 2.6]
    sd = expected_wall(values, values).sd_hu
    assert sd[0] == PLAQUE_SD_HU and sd[2] == OPEN_SD_HU
    assert PLAQUE_SD_HU < sd[1] < OPEN_SD_HU


def test_fibrous_plaque_in_a_thin_artery_is_not_read_as_lumen() -> None:
    spec = TubeSpec(
        length_mm=30.0, start_mm=1.9, end_mm=1.7, lesion_at_mm=15.0, lesion_length_mm=10.0, plateau=0.3, stenosis=0.7,
        plaque_hu=125.0, voxel_mm=0.42, noise_hu=24.0, seed=7,
    )  # fmt: skip
    tube = make_tube(spec)
    measured = measure_lumen(tube.volume, tube.points_lps_mm, measure_scan(tube.volume, tube.aorta_kji))
    (lesion,) = find_lesions(measured).lesions
    percent = lesion.narrowings[0].diameter_stenosis_percent
    assert percent.value == pytest.approx(70.0, abs=8.0)
    assert percent.low <= 70.0 <= percent.high
    # one level for plaque and the artery's own wall behind it, brighter than the 60 HU that are expected
    assert 85.0 < measured.ring_hu[lesion.narrowest] < 125.0
