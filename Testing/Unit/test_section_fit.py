"""The normal equations of an artery's sections: laid out, multiplied and cut short, they stay the same equations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import cholesky_banded

from CardiacCTALib.section_fit import (
    along,
    along_kernel,
    banded,
    blocks_of,
    gradient,
    normal_rows,
    one_each,
    solution,
    summed_each,
    times_banded,
    weighed_places,
)
from CardiacCTALib.section_model import AROUND, LUMEN_RADIUS, OUTER_RADIUS, PARAMETERS, RING, from_line, picture, places_of
from SenseCarePlanningLib.tubes.section_planes import plane_grid

SECTIONS, SIGMA_MM = 70, 0.32
KERNEL = along_kernel(SIGMA_MM, 0.4)


def full(rows: np.ndarray) -> np.ndarray:
    """The whole symmetric matrix that rows (N, P, 4 P) stand for."""
    count, width = rows.shape[:2]
    matrix = np.zeros((count * width, count * width))
    for offset, blocks in enumerate(blocks_of(rows)):
        for at, block in enumerate(blocks):
            here, there = slice(at * width, (at + 1) * width), slice((at + offset) * width, (at + offset + 1) * width)
            matrix[here, there], matrix[there, here] = block, block.T
    return matrix


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    random = np.random.default_rng(0)
    slopes = random.normal(size=(SECTIONS, 5, 40)).astype(np.float32)
    found = normal_rows(slopes, random.uniform(0.1, 1.0, (SECTIONS, 40)).astype(np.float32), KERNEL)
    blocks_of(found)[0][:, np.arange(5), np.arange(5)] += 10.0
    return found


def test_rows_hold_the_products_of_sections_near_to_each_other() -> None:
    random = np.random.default_rng(1)
    slopes = random.normal(size=(SECTIONS, 4, 30)).astype(np.float32)
    weight = random.uniform(0.0, 1.0, (SECTIONS, 30)).astype(np.float32)
    heavy, twice = slopes * np.sqrt(weight)[:, None], np.convolve(KERNEL, KERNEL)
    for offset, blocks in enumerate(blocks_of(normal_rows(slopes, weight, KERNEL))):
        wanted = np.einsum("npm,nqm->npq", heavy[: SECTIONS - offset], heavy[offset:]) * twice[4 + offset]
        assert np.allclose(blocks, wanted, atol=1e-5)


def test_bands_are_solved_and_multiplied_as_the_full_matrix_is(rows: np.ndarray) -> None:
    matrix, columns = full(rows), np.random.default_rng(2).normal(size=(SECTIONS * 5, 7))
    assert np.allclose(times_banded(banded(rows), columns), matrix @ columns)
    factor = cholesky_banded(banded(rows), lower=True)
    pull = columns[:, 0].reshape(SECTIONS, 5)
    assert np.allclose(solution(factor, pull).ravel(), np.linalg.solve(matrix, columns[:, 0]))


def test_slopes_of_single_sections_are_columns_of_their_own() -> None:
    random = np.random.default_rng(3)
    slopes, columns = random.normal(size=(6, 3)), random.normal(size=(18, 4))
    assert np.allclose(one_each(slopes).T @ columns, summed_each(slopes, columns))


def test_places_without_weight_change_nothing() -> None:
    random = np.random.default_rng(4)
    places = places_of(plane_grid(3.0, 0.35))
    order = from_line(places)
    places = places_of(places.at_mm[order])
    values = np.zeros((SECTIONS, PARAMETERS))
    values[:, LUMEN_RADIUS] = np.linspace(1.5, 0.5, SECTIONS)
    values[:, OUTER_RADIUS] = values[:, LUMEN_RADIUS] + 0.7
    values[:, RING.start] = 60.0
    values[:, AROUND] = random.normal(size=(SECTIONS, 3))
    away = np.linalg.norm(places.at_mm, axis=1)
    weight = (away[None] < values[:, OUTER_RADIUS, None] + 0.6).astype(np.float32)
    given, around = random.normal(200.0, 100.0, (2, SECTIONS, len(away))).astype(np.float32)
    weighed, needed = weighed_places(weight)
    assert int(needed.min()) < len(away) // 2
    found = []
    for first, most in ((None, None), (needed, weighed)):
        seen, slopes, _, _ = picture(values, np.full(SECTIONS, 400.0), around, places, SIGMA_MM, first=first)
        pulled = along(weight * (given - along(seen, KERNEL)), KERNEL)
        found.append((normal_rows(slopes, weight, KERNEL, most), gradient(slopes, pulled, first)))
    for whole, part in zip(*found, strict=True):
        assert np.abs(whole - part).max() < 1e-5 * np.abs(whole).max()


def test_a_part_of_the_picture_has_no_places_that_are_no_number() -> None:
    places = places_of(plane_grid(2.0, 0.35))
    values = np.full((3, PARAMETERS), 0.5)
    slopes = picture(
        values, np.full(3, 400.0), np.zeros((3, len(places.at_mm)), np.float32), places, SIGMA_MM, first=np.ones(3, int)
    )[1]
    assert np.isfinite(slopes).all()
