"""A mask that begins as an airway is planned on; a block, a tube, a net or a part of one is not taken for it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from LungAirwayLib.given_mask import top_of_trachea
from LungAirwayLib.grave_warnings import grave_warnings, gravest_first
from LungAirwayLib.pipeline import AirwayOptions, retarget, run
from LungAirwayLib.report_pages.words import Words
from LungAirwayLib.sides import main_bronchus_ratio, side_warnings
from LungAirwayLib.windpipe import PARTIAL, check_given_airway, windpipe
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.tree import Tree
from SenseCarePlanningLib.volume import LabelMap

LOW, STEP_MM = np.array([-60.0, -20.0, -80.0]), 1.25
SHAPE_KJI = (116, 32, 96)
TRACHEA = ((0, 0, 58), (0, 0, 0), 8)
RIGHT = [((0, 0, 0), (-18, 0, -16), 6), ((-18, 0, -16), (-48, 4, -18), 4), ((-18, 0, -16), (-28, 4, -66), 4.5)]
LEFT = [((0, 0, 0), (38, 0, -32), 5.5), ((38, 0, -32), (52, -6, -24), 4), ((38, 0, -32), (42, 6, -70), 4)]


def painted(segments: object) -> LabelMap:
    """Straight tubes (start, end, radius; LPS mm)."""
    affine = np.diag([STEP_MM, STEP_MM, STEP_MM, 1.0])
    affine[:3, 3] = LOW
    points = np.stack(np.indices(SHAPE_KJI)[::-1], axis=-1) * STEP_MM + LOW
    lumen = np.zeros(SHAPE_KJI, bool)
    for start, end, radius in segments:
        a, d = np.array(start, float), np.array(end, float) - np.array(start, float)
        share = np.clip((points - a) @ d / (d @ d), 0, 1)
        lumen |= np.linalg.norm(points - a - share[..., None] * d, axis=-1) <= radius
    return LabelMap(lumen.astype(np.uint8), affine)


def tree_of(mask: LabelMap) -> Tree:
    return build_tree(mask, root_lps_mm=top_of_trachea(mask))


def flipped(mask: LabelMap, axis: int) -> LabelMap:
    return LabelMap(np.ascontiguousarray(np.flip(mask.array_kji, axis)), mask.affine_ijk_to_lps)


@pytest.fixture(scope="module")
def airway() -> LabelMap:
    return painted([TRACHEA, *RIGHT, *LEFT])


def test_an_airway_is_accepted_and_its_main_bronchi_are_compared(airway: LabelMap) -> None:
    tree = tree_of(airway)
    assert check_given_airway(tree, airway) == ()
    assert windpipe(tree) is not None
    assert main_bronchus_ratio(tree) == pytest.approx(np.hypot(38, 32) / np.hypot(18, 16), rel=0.15)
    assert side_warnings(tree, None) == ()


def test_a_mirrored_airway_says_mirrored_and_situs_inversus(airway: LabelMap) -> None:
    (warning,) = side_warnings(tree_of(flipped(airway, 2)), None)
    assert "mirrored" in warning and "situs inversus" in warning
    assert "右侧主支气管反而较长" in Words.of("zh").sentence(warning)


def block() -> LabelMap:
    array = np.zeros(SHAPE_KJI, np.uint8)
    array[20:68, 3:29, 20:68] = 1
    return LabelMap(array, painted([TRACHEA]).affine_ijk_to_lps)


def net() -> LabelMap:
    """Twelve thin meshes, as arteries and veins that touch make them."""
    xs, zs = np.linspace(-50, 50, 6), np.linspace(-60, 40, 5)
    across = [((a, 0, z), (b, 0, z), 1.6) for z in zs for a, b in pairwise(xs)]
    return painted([*across, *(((x, 0, a), (x, 0, b), 1.6) for x in xs for a, b in pairwise(zs))])


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (block, "solid block"),
        (lambda: painted([((0, 0, 58), (0, 0, -60), 8)]), "divides nowhere"),
        (net, "as vessels are"),
        (lambda: flipped(painted([((2, 3, 50), (0, 0, 0), 7.3), *RIGHT, *LEFT]), 0), "upside down"),
    ],
)
def test_what_is_no_airway_is_refused(mask: object, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        run(None, AirwayOptions(airway_mask=mask()))
    assert caught.value.exit_code == 2
    assert Words.of("zh").sentence(caught.value.user_message) != caught.value.user_message


@pytest.mark.parametrize("segments", [[*RIGHT, *LEFT], LEFT])
def test_a_part_of_an_airway_is_planned_with_a_warning_first(segments: object) -> None:
    result = run(None, AirwayOptions(airway_mask=painted(segments), target_lps_mm=(50.0, 4.0, -76.0)))
    assert PARTIAL in result.warnings[:2]
    assert "branches were found" in result.warnings[0]


@pytest.mark.parametrize(("target", "far"), [((55.0, 0.0, -78.0), False), ((55.0, 0.0, 60.0), True)])
def test_a_target_out_of_reach_and_a_poor_tree_come_before_all_else(
    airway: LabelMap, target: tuple[float, float, float], far: bool
) -> None:
    result = run(None, AirwayOptions(airway_mask=airway, target_lps_mm=target))
    assert result.plan is not None
    gap = min(result.plan.routes, key=lambda route: route.rank).gap_mm
    assert (gap > 80.0) == far
    assert result.warnings[0].startswith(f"Only {len(result.tree)} branches were found")
    assert any(f"ends {gap:.0f} mm before the target" in text for text in result.warnings[:2]) == far
    nearer = retarget(result, None, AirwayOptions(target_lps_mm=(52.0, -6.0, -26.0)))
    assert not any("before the target" in text for text in nearer.warnings)
    assert nearer.warnings[0] == result.warnings[0]


def test_grave_sentences_go_first_and_the_rest_keeps_its_order(airway: LabelMap) -> None:
    grave = grave_warnings(tree_of(flipped(airway, 2)), None, None)
    assert len(grave) == 2 and grave[0].startswith("Right and left seem exchanged")
    assert gravest_first(["b", "a", *grave, "c"]) == (*grave, "b", "a", "c")
    for text in grave:
        assert Words.of("zh").sentence(text) != text
