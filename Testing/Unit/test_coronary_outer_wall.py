"""The outer wall of an artery that is not seen all round: beside muscle behind a slit of fat, and in front of a chamber."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.special import ndtr

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Benchmarks"))

from coronary_plaque_tube import FAT_HU, PlaqueSpec, make_plaque_tube, true_walls

from CardiacCTALib.lumen import measure_lumen
from CardiacCTALib.outer_unseen import behind_wall, facing_fat, round_wall
from CardiacCTALib.plaque import plaque_wall, vessel_plaque
from CardiacCTALib.scan_model import measure_scan
from CardiacCTALib.stenosis import find_lesions
from SenseCarePlanningLib.phantom.coronary_lesions import Composition, LesionSpec

SHORT = PlaqueSpec(length_mm=30.0, at_mm=15.0, start_mm=3.2, end_mm=3.0, noise_hu=25.0, seed=7)
ANGLES = np.arange(32) / 32.0 * 2.0 * np.pi


def test_plaque_ends_at_a_slit_of_fat_and_not_at_the_muscle_behind() -> None:
    lesion = LesionSpec(1, 25.0, Composition.SOFT, remodelling=1.08, length_mm=12.0)
    tube = make_plaque_tube(replace(SHORT, lesion=lesion, muscle_side=True))
    measured = measure_lumen(tube.volume, tube.points_lps_mm, measure_scan(tube.volume, tube.aorta_kji))
    walls, _ = true_walls(tube, measured)
    error = measured.walls.outer_diameter_mm - walls.outer_diameter_mm
    assert float(np.abs(error).max()) < 0.4
    total = vessel_plaque(measured).estimate("total")
    assert total is not None
    assert total.value == pytest.approx(sum(tube.truth.lesions[0].volumes_mm3[name] for name in ("plaque", "lipid")), rel=0.15)


def test_a_chamber_close_to_a_small_artery_is_no_plaque() -> None:
    tube = make_plaque_tube(replace(SHORT, start_mm=2.0, end_mm=1.8, noise_hu=20.0))
    shape = tube.volume.array_kji.shape
    centres = tube.volume.grid.lps_from_kji(np.stack(np.meshgrid(*[np.arange(size) for size in shape], indexing="ij"), axis=-1))
    along = np.linspace(0.0, 1.0, len(tube.points_lps_mm))
    middle = tube.points_lps_mm[(along > 0.3) & (along < 0.7)]
    away = cKDTree(middle).query(centres.reshape(-1, 3))[0].reshape(shape)
    side = (centres - middle.mean(axis=0)) @ (middle[-1] - middle[0])
    beside = (np.abs(side) < 0.5 * np.linalg.norm(middle[-1] - middle[0]) ** 2) & ~tube.aorta_kji & (away < 8.0)
    blood = ndtr((away - 2.9) / 0.3) * beside * (450.0 - FAT_HU)
    volume = replace(tube.volume, array_kji=np.rint(tube.volume.array_kji + blood).astype(np.int16))
    measured = measure_lumen(volume, tube.points_lps_mm, measure_scan(volume, tube.aorta_kji))
    walls, _ = true_walls(tube, measured)
    error = measured.walls.outer_diameter_mm - walls.outer_diameter_mm
    assert float(np.abs(error).max()) < 0.6
    assert not measured.calcium.any()
    assert plaque_wall(measured, measured.walls).region.diseased.sum() == 0
    assert find_lesions(measured).lesions == ()


def test_the_round_of_a_wall_follows_from_the_part_before_fat() -> None:
    outer = np.full((2, 32), 2.0)
    bulge = np.zeros(32, dtype=bool)
    bulge[3:11] = True
    outer[1, bulge] = 2.8
    circle = round_wall(np.array([[0.1, 0.2], [0.1, 0.2]]), outer, np.stack([np.ones(32, dtype=bool), ~bulge]))
    assert circle == pytest.approx(np.array([[0.1, 0.2, 2.0], [0.1, 0.2, 2.0]]), abs=0.01)
    assert np.isnan(round_wall(np.zeros((1, 2)), outer[:1], np.zeros((1, 32), dtype=bool))).all()


def test_only_directions_with_fat_behind_the_wall_face_fat() -> None:
    axis = np.arange(-4.0, 4.01, 0.35)
    at = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    values = np.where(at[:, 0] > 1.5, 110.0, -90.0).astype(np.float32)[None].repeat(5, axis=0)
    facing = facing_fat(behind_wall(values, at, np.zeros((5, 2)), np.full((5, 32), 1.5)), 0.4)
    assert not facing[:, np.cos(ANGLES) > 0.95].any()
    assert facing[:, np.cos(ANGLES) < 0.3].all()
