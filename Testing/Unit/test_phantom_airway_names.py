"""The named bronchi: complete, in the right place, with variants; and what defects hide of a lumen."""

from __future__ import annotations

import numpy as np
import pytest

from SenseCarePlanningLib.geometry import arc_length_mm
from SenseCarePlanningLib.phantom.airway_names import VARIANTS, named_bronchi, weibel_radius_mm
from SenseCarePlanningLib.phantom.airway_tree import Tube, child_code, place_named, segment_of
from SenseCarePlanningLib.phantom.defects import Defect, DefectKind, lumen_pieces, make_defects

RIGHT = {f"RB{number}" for number in range(1, 11)}
LEFT = {"LB1+2", "LB3", "LB4", "LB5", "LB6", "LB7", "LB8", "LB9", "LB10"}
CENTRAL = {"trachea", "RMB", "LMB", "BI", "RULB", "RMLB", "RLLB", "LULB", "LUDB", "LingB", "LLLB"}


def _place(variant: str | None, seed: int) -> dict[str, Tube]:
    return place_named(variant, np.random.default_rng(seed), lambda points: np.array(points, dtype=float), 1.0)


@pytest.mark.parametrize("seed", range(8))
def test_every_lobar_and_segmental_bronchus_is_there_on_its_side(seed) -> None:
    tubes = _place(None, seed)
    codes = {tube.code for tube in tubes.values()}
    assert codes == RIGHT | LEFT | CENTRAL
    for tube in tubes.values():
        if tube.code in RIGHT:
            assert tube.end[0] < -15.0
        if tube.code in LEFT:
            assert tube.end[0] > 15.0


@pytest.mark.parametrize("orders", [(a, b, c) for a in range(4) for b in range(2) for c in range(2)])
def test_each_segment_is_named_once_however_the_lobes_divide(orders) -> None:
    rows = named_bronchi(None, orders)
    segments = [row.code for row in rows if row.is_segmental]
    assert sorted(segments) == sorted(RIGHT | LEFT)
    keys = [row.key for row in rows]
    assert all(row.parent is None or keys.index(row.parent) < at for at, row in enumerate(rows))


def test_the_main_bronchi_have_adult_lengths_and_angles() -> None:
    tubes = _place(None, 0)
    length = {code: arc_length_mm(tubes[code].points_lps_mm)[-1] for code in ("RMB", "LMB", "trachea")}
    assert 18.0 < length["RMB"] < 32.0
    assert 42.0 < length["LMB"] < 56.0
    assert 90.0 < length["trachea"] < 115.0
    down = np.array([0.0, 0.0, -1.0])
    steep = {code: tubes[code].end / np.linalg.norm(tubes[code].end) @ down for code in ("RMB", "LMB")}
    assert steep["RMB"] > steep["LMB"]


def test_branches_begin_where_their_parent_ends() -> None:
    tubes = {tube.id: tube for tube in _place(None, 4).values()}
    for tube in tubes.values():
        if tube.parent_id is not None:
            assert np.allclose(tube.points_lps_mm[0], tubes[tube.parent_id].end)
            assert tube.radius_mm[0] <= tubes[tube.parent_id].radius_mm[-1] * 1.03


def test_a_tracheal_bronchus_leaves_the_trachea_above_the_carina() -> None:
    tubes = _place("tracheal_bronchus", 1)
    assert tubes["RB1"].parent_id == tubes["trachea"].id
    assert tubes["RB1"].points_lps_mm[0][2] > tubes["RMB"].points_lps_mm[0][2] + 10.0


def test_lb7_can_be_missing_and_a_cardiac_bronchus_be_there() -> None:
    assert "LB7" not in {tube.code for tube in _place("missing_lb7", 1).values()}
    assert "RB7" in {tube.code for tube in _place("missing_lb7", 1).values()}
    cardiac = _place("accessory_cardiac", 1)
    assert cardiac["accessory_cardiac"].parent_id == cardiac["BI.upper"].id


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="variant must be one of"):
        named_bronchi("situs_inversus", (0, 0, 0))
    assert "missing_lb7" in VARIANTS


def test_calibres_follow_weibel() -> None:
    assert [2.0 * weibel_radius_mm(at) for at in range(7)] == pytest.approx([18.0, 12.2, 8.3, 5.6, 4.5, 3.5, 2.8])
    assert weibel_radius_mm(9) == pytest.approx(1.4 * 0.79**3)


def test_codes_of_deeper_branches_lead_back_to_their_segment() -> None:
    code = "LB1+2"
    for number in (1, 0, 1, 0):
        code = child_code(code, number)
        assert segment_of(code) == "LB1+2"
    assert [child_code("RB3", 0), child_code("RB3a", 1), child_code("RB3a-ii", 0)] == ["RB3a", "RB3a-ii", "RB3a-ii.1"]
    assert segment_of("RULB") == "RULB"


def _straight_tube() -> Tube:
    points = np.stack([np.zeros(41), np.zeros(41), -0.5 * np.arange(41)], axis=1)
    return Tube(3, None, "RB3", points, np.full(41, 1.5), 5, 1)


def test_a_plug_hides_its_stretch_of_the_lumen_and_no_more() -> None:
    tube = _straight_tube()
    plug = Defect(DefectKind.MUCUS_PLUG, 3, 6.0, 12.0, tube.points_lps_mm[18])
    pieces = lumen_pieces(tube, (plug,))
    assert len(pieces) == 2
    shown = np.concatenate([-points[:, 2] for points, _ in pieces])
    assert ((shown < 6.0) | (shown > 12.0)).all()
    assert sum(arc_length_mm(points)[-1] for points, _ in pieces) == pytest.approx(20.0 - 6.0, abs=1.1)


def test_a_leak_hides_nothing_and_touches_the_lumen() -> None:
    tube = _straight_tube()
    (leak,) = make_defects([tube], 0, 0, 1, np.random.default_rng(0))
    gap = np.linalg.norm(tube.points_lps_mm - leak.centre_lps_mm, axis=1).min()
    assert gap < leak.radius_mm + 1.5
    assert len(lumen_pieces(tube, (leak,))) == 1
