"""The heart of a digital coronary patient: chambers, myocardium, great vessels as signed distances on one lattice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from ..geometry import FloatArray, unit
from .chest import GREAT_VESSELS, Axes, tube
from .fields import Float32Array, Lattice, smooth_cut, smooth_noise, smooth_union

FAR_MM = 20.0
"""Distances are cut here: nothing reads them farther from a surface."""

YIELDING = (
    ("lv_wall", 0.5),
    ("rv_wall", 0.5),
    ("la_wall", 0.5),
    ("ra_wall", 0.5),
    ("la", 2.5),
    ("ra", 2.5),
    ("rv", 2.5),
    ("descending", 2.0),
)
"""Fields that keep a distance from the outer wall of an artery: the walls some fat, the cavities fat and wall, the descending
aorta (behind the posterolateral branch of a dominant circumflex) its wall, the pericardium and fat."""

LV_AXIS = unit(np.array([0.70, -0.58, -0.42]))
TOWARDS_RV = unit(np.array([-0.64, -0.76, -0.02]) - np.dot([-0.64, -0.76, -0.02], LV_AXIS) * LV_AXIS)
INFERIOR = np.cross(LV_AXIS, TOWARDS_RV)
"""The left ventricle's long axis (base to apex), the way to the right ventricle, and the inferior wall, LPS."""

MITRAL = np.array([9.0, -1.0, -63.0])
AORTIC_VALVE = np.array([-5.0, -24.0, -47.0])
AORTIC_AXIS = unit(np.array([-0.26, -0.18, 0.95]))
PULMONARY_VALVE = np.array([12.0, -50.0, -33.0])
"""Places in the template: mm from the carina, drawn from normal anatomy at end-diastole."""

HEART_CENTRE = np.array([14.0, -22.0, -64.0])


@dataclass(frozen=True)
class HeartPose:
    """Where and how large a heart is: the template turned and stretched about its middle.

    Parameters
    ----------
    scale
        Of all lengths.
    rotation
        (3, 3).
    """

    scale: float = 1.0
    rotation: tuple[tuple[float, ...], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

    def place(self, points_mm: FloatArray) -> FloatArray:
        """Map template points (..., 3) to LPS mm."""
        offset = np.asarray(points_mm, dtype=np.float64) - HEART_CENTRE
        return np.asarray(self.scale * offset @ np.array(self.rotation).T + HEART_CENTRE)

    def turn(self, directions: FloatArray) -> FloatArray:
        """Turn directions (..., 3)."""
        return np.asarray(np.asarray(directions, dtype=np.float64) @ np.array(self.rotation).T)


@dataclass(frozen=True, eq=False)
class Heart:
    """Signed distances (mm, negative inside) on one lattice.

    Parameters
    ----------
    fields
        By name: ``lv``, ``lv_wall`` (cavity and wall), ``rv``, ``rv_wall``, ``la``, ``la_wall``, ``ra``, ``ra_wall``,
        ``aorta``, ``aorta_wall``, ``trunk``, ``trunk_wall``, ``veins`` (pulmonary), ``svc``, ``ivc``, ``descending``,
        ``papillary``, ``sac`` (everything inside the pericardium).
    """

    pose: HeartPose
    lattice: Lattice
    fields: dict[str, Float32Array]

    def read(self, name: str, points_lps_mm: FloatArray) -> FloatArray:
        """Return a field at points (N, 3)."""
        index = self.lattice.index_of(points_lps_mm).T
        return np.asarray(map_coordinates(self.fields[name], index, order=1, mode="nearest"), dtype=np.float64)

    def slope(self, name: str, points_lps_mm: FloatArray, reach_mm: float = 1.5) -> FloatArray:
        """Return the gradient of a field at points (N, 3) by central differences over ``2 reach_mm``."""
        parts = []
        for axis in range(3):
            step = np.zeros(3)
            step[axis] = reach_mm
            parts.append(self.read(name, points_lps_mm + step) - self.read(name, points_lps_mm - step))
        return np.stack(parts, axis=1) / (2.0 * reach_mm)

    def yielding_to(self, points_lps_mm: FloatArray, outer_mm: FloatArray) -> Heart:
        """Return the heart with room for an artery (N, 3), (N,): the walls it lies on give way, the pericardium bulges."""
        around = np.clip(tube(self.lattice.axes(), points_lps_mm, outer_mm), -FAR_MM, FAR_MM)
        fields = dict(self.fields)
        for name, depth_mm in YIELDING:
            fields[name] = np.maximum(fields[name], np.float32(depth_mm) - around)
        fields["sac"] = smooth_union(fields["sac"], around - np.float32(1.2), 5.0)
        return replace(self, fields=fields)

    def ostium(self, side: str) -> FloatArray:
        """Return the middle of the left or right aortic sinus's wall near the sinotubular junction, where an artery starts."""
        angle = {"right": SINUS_ANGLES[0], "left": SINUS_ANGLES[1]}[side]
        height = {"right": 14.5, "left": 13.5}[side]
        return self.pose.place(_root_point(height, angle, 15.6))


SINUS_ANGLES = (-95.0, 30.0, 148.0)
"""Right, left and non-coronary sinus about the aortic axis: degrees from the patient's left towards posterior."""


def _root_point(height_mm: float, angle_deg: float, radius_mm: float) -> FloatArray:
    """Return a template point at a height above the aortic valve, on a direction and distance from the axis."""
    left = unit(np.array([1.0, 0.0, 0.0]) - AORTIC_AXIS[0] * AORTIC_AXIS)
    back = np.cross(AORTIC_AXIS, left)
    angle = np.radians(angle_deg)
    around = np.cos(angle) * left + np.sin(angle) * back
    return np.asarray(AORTIC_VALVE + height_mm * AORTIC_AXIS + radius_mm * around)


def make_heart(
    pose: HeartPose,
    lower_lps_mm: FloatArray,
    upper_lps_mm: FloatArray,
    rng: np.random.Generator | None = None,
    step_mm: float = 1.25,
) -> Heart:
    """Build the heart's fields over a box; ``rng`` roughens what is rough in a heart (trabeculae, fat), None leaves it smooth."""
    lattice = Lattice.over(lower_lps_mm, upper_lps_mm, step_mm)
    maker = _Maker(pose, lattice)
    fields: dict[str, Float32Array] = {}
    fields["lv"], fields["lv_wall"] = maker.left_ventricle()
    fields["papillary"] = maker.papillary()
    fields["aorta"], fields["aorta_wall"] = maker.aorta()
    fields["trunk"], fields["trunk_wall"] = maker.trunk()
    fields["svc"], fields["ivc"] = (maker.tubes(course) for course in CAVAE)
    fields["descending"] = maker.descending()
    left_atrium = smooth_cut(maker.left_atrium(), fields["lv_wall"] - np.float32(0.6), 8.0)
    fields["veins"] = maker.tubes(*PULMONARY_VEINS)
    fields["ra"], fields["rv"], fields["rv_wall"] = maker.right_heart(fields["lv_wall"])
    fields["la"] = np.minimum(np.maximum(left_atrium, 2.0 - fields["aorta"]), maker.tubes(MITRAL_INLET))
    fields["ra"] = np.maximum(fields["ra"], 2.5 - np.minimum(fields["aorta"], fields["la"]))
    fields["lv"] = np.minimum(fields["lv"], maker.tubes(OUTFLOW))
    fields["lv_wall"] = np.minimum(fields["lv_wall"], np.maximum(maker.tubes(OUTFLOW) - 2.5, -3.0 - fields["aorta"]))
    for name, wall_mm in (("la", 2.0), ("ra", 2.0)):
        fields[f"{name}_wall"] = fields[name] - np.float32(wall_mm)
    fields["sac"] = _sac(fields, lattice)
    if rng is not None:
        fields["rv"] = fields["rv"] + np.float32(0.8) * np.abs(smooth_noise(lattice, 2.4, rng))
        fields["lv"] = fields["lv"] + np.float32(0.6) * np.abs(smooth_noise(lattice, 2.2, rng))
        fields["sac"] = fields["sac"] + np.float32(0.9) * np.clip(smooth_noise(lattice, 9.0, rng), -1.5, 1.0)
    for name, field in fields.items():
        fields[name] = np.clip(field, -FAR_MM, FAR_MM).astype(np.float32)
    return Heart(pose, lattice, fields)


Course = tuple[tuple[float, float, float, float], ...]

TRUNK: Course = ((11, -52, -40, 14), (14, -45, -24, 14), (18, -32, -13, 13.5), (18, -22, -8, 12.5))
RIGHT_PULMONARY: Course = ((16, -22, -9, 11), (0, -12, -16, 10.5), (-22, -9, -20, 10), (-40, -6, -24, 9))
LEFT_PULMONARY: Course = ((19, -22, -8, 12), (30, -8, -2, 10.5), (40, 8, -5, 9), (46, 16, -14, 7))
CAVAE: tuple[Course, ...] = (
    ((-27, -18, 40, 9), (-28, -18, 0, 9.5), (-28, -17, -26, 10), (-29, -17, -44, 11)),
    ((-28, -12, -78, 12), (-23, -2, -96, 12), (-22, 3, -140, 12.5)),
)
PULMONARY_VEINS: tuple[Course, ...] = (
    ((-16, 10, -40, 8), (-36, 4, -36, 7), (-56, 0, -28, 5.5)),
    ((-18, 14, -54, 8), (-38, 17, -58, 7), (-56, 20, -64, 5)),
    ((6, 8, -36, 8), (26, 6, -28, 6.5), (44, -2, -20, 5)),
    ((6, 12, -49, 8), (27, 13, -52, 6.5), (48, 10, -57, 5)),
)
MITRAL_INLET: Course = ((2, 6, -58, 13.5), (14, -6, -66, 13.0))
TRICUSPID_INLET: Course = ((-26, -22, -64, 15.0), (-8, -34, -70, 14.0))
OUTFLOW: Course = ((22, -14, -66, 11.5), (8, -19, -56, 11.5), (-4, -24, -48, 11.5))
RIGHT_ATRIUM: Course = ((-29, -17, -44, 14), (-34, -20, -58, 21), (-30, -14, -74, 18), (-28, -12, -80, 13))
RIGHT_APPENDAGE: Course = ((-32, -30, -50, 13), (-28, -40, -43, 9), (-24, -45, -35, 7))
CONUS: Course = ((6, -46, -78, 17), (9, -55, -62, 15.5), (9, -55, -46, 14))
LEFT_APPENDAGE: Course = ((14, 4, -42, 9), (28, -4, -36, 9), (38, -14, -33, 8), (42, -24, -35, 6))


class _Maker:
    """Draws the parts of one heart on its lattice."""

    def __init__(self, pose: HeartPose, lattice: Lattice) -> None:
        self.pose, self.lattice = pose, lattice
        self.axes: Axes = lattice.axes()

    def tubes(self, *courses: Course) -> Float32Array:
        """Union of tubes given in the template."""
        parts = []
        for course in courses:
            table = np.array(course, dtype=np.float64)
            dense = _densified(table)
            field = tube(self.axes, self.pose.place(dense[:, :3]), self.pose.scale * dense[:, 3])
            parts.append(np.minimum(field, FAR_MM))
        total = parts[0]
        for part in parts[1:]:
            total = smooth_union(total, part, 3.0)
        return np.asarray(total, dtype=np.float32)

    def plane(self, point_mm: FloatArray, normal: FloatArray) -> Float32Array:
        """Signed distance to a plane, negative on the side the normal points to."""
        x, y, z = self.axes
        p, n = self.pose.place(point_mm), self.pose.turn(normal)
        return np.asarray(-((x - p[0]) * n[0] + (y - p[1]) * n[1] + (z - p[2]) * n[2]), dtype=np.float32)

    def ellipsoid(self, centre_mm: FloatArray, directions: FloatArray, radii_mm: tuple[float, float, float]) -> Float32Array:
        """First-order signed distance of an ellipsoid with axes along ``directions`` (3, 3), one a row."""
        x, y, z = self.axes
        centre, rows = self.pose.place(centre_mm), self.pose.turn(directions)
        square, slope = np.float32(0.0), np.float32(0.0)
        for row, radius in zip(rows, self.pose.scale * np.array(radii_mm), strict=True):
            along = ((x - centre[0]) * row[0] + (y - centre[1]) * row[1] + (z - centre[2]) * row[2]) / np.float32(radius)
            square = square + along**2
            slope = slope + (along / np.float32(radius)) ** 2
        length = np.sqrt(np.maximum(square, 1e-6))
        inside = np.float32(-self.pose.scale * min(radii_mm))
        return np.asarray(np.maximum(length * (length - 1.0) / np.sqrt(np.maximum(slope, 1e-9)), inside), dtype=np.float32)

    def left_ventricle(self) -> tuple[Float32Array, Float32Array]:
        """Cavity, and cavity with wall; the base is cut more apically on the anterior side."""
        frame = np.stack([LV_AXIS, TOWARDS_RV, INFERIOR])
        centre = MITRAL + 15.0 * LV_AXIS
        normal = unit(LV_AXIS + 0.42 * INFERIOR)
        cut = self.plane(MITRAL, normal)
        cavity = np.maximum(self.ellipsoid(centre, frame, (58.0, 22.0, 22.0)), cut)
        wall = -smooth_union(-self.ellipsoid(centre, frame, (66.5, 31.5, 31.5)), -cut, 8.0)
        return np.asarray(cavity, dtype=np.float32), np.asarray(wall, dtype=np.float32)

    def papillary(self) -> Float32Array:
        """Two papillary muscles from the lateral wall."""
        parts = []
        for lateral, across in ((-11.0, -12.0), (-9.0, 13.0)):
            low = MITRAL + 44.0 * LV_AXIS + 1.15 * (lateral * TOWARDS_RV + across * INFERIOR)
            high = MITRAL + 24.0 * LV_AXIS + 0.8 * (lateral * TOWARDS_RV + across * INFERIOR)
            parts.append(((*low, 4.6), (*high, 2.6)))
        return self.tubes(*parts)

    def aorta(self) -> tuple[Float32Array, Float32Array]:
        """Root with three sinuses, then up to the template's arch: lumen, and lumen with wall; both end at the valve."""
        arch = np.array(GREAT_VESSELS["aorta"][0], dtype=np.float64)[2:6]
        up = np.concatenate(
            [[(*(AORTIC_VALVE + h * AORTIC_AXIS), r) for h, r in ((0, 11.5), (10, 13.5), (20, 14.0), (32, 15.0))]]
        )
        total = self.tubes(_course_of(np.concatenate([up, arch])))
        for angle in SINUS_ANGLES:
            centre = _root_point(9.0, angle, 6.8)
            frame = np.stack([AORTIC_AXIS, unit(np.array([1.0, 0.2, 0.27])), unit(np.cross(AORTIC_AXIS, [1.0, 0.2, 0.27]))])
            total = smooth_union(total, self.ellipsoid(centre, frame, (11.0, 9.6, 9.6)), 3.0)
        valve = self.plane(AORTIC_VALVE - 1.5 * AORTIC_AXIS, AORTIC_AXIS)
        return np.maximum(total, valve), np.maximum(total - np.float32(1.3), valve)

    def trunk(self) -> tuple[Float32Array, Float32Array]:
        """Pulmonary trunk and its two arteries: lumen, and lumen with wall; both end at the valve."""
        total = self.tubes(TRUNK, RIGHT_PULMONARY, LEFT_PULMONARY)
        valve = self.plane(PULMONARY_VALVE, unit(np.array([0.1, 0.3, 0.95])))
        return np.maximum(total, valve), np.maximum(total - np.float32(1.0), valve)

    def descending(self) -> Float32Array:
        """The arch and descending aorta of the chest template."""
        return self.tubes(GREAT_VESSELS["aorta"][0][4:])

    def left_atrium(self) -> Float32Array:
        """Body, appendage and the mouths of the veins."""
        body = self.ellipsoid(np.array([-7.0, 9.0, -47.0]), np.eye(3), (33.0, 18.0, 22.0))
        return smooth_union(smooth_union(body, self.tubes(LEFT_APPENDAGE), 5.0), self.tubes(*PULMONARY_VEINS), 6.0)

    def right_heart(self, lv_wall: Float32Array) -> tuple[Float32Array, Float32Array, Float32Array]:
        """Right atrium, right ventricular cavity, and that cavity with its free wall."""
        frame = np.stack([LV_AXIS, TOWARDS_RV, INFERIOR])
        valve = MITRAL + 29.0 * TOWARDS_RV + 2.0 * INFERIOR
        cut = self.plane(valve + 1.0 * LV_AXIS, unit(LV_AXIS - 0.25 * TOWARDS_RV))
        body = self.ellipsoid(MITRAL + 24.0 * LV_AXIS + 25.0 * TOWARDS_RV + 3.0 * INFERIOR, frame, (50.0, 23.0, 29.0))
        shape = smooth_union(np.maximum(body, cut), self.tubes(CONUS), 8.0)
        cavity = np.maximum(shape, 0.3 - lv_wall)
        atrium = smooth_union(self.tubes(RIGHT_ATRIUM), self.tubes(RIGHT_APPENDAGE), 5.0)
        inlet = self.tubes(TRICUSPID_INLET)
        atrium = np.maximum(atrium, 1.0 - cut)
        cavity = np.minimum(cavity, np.maximum(inlet, 0.3 - lv_wall))
        wall = np.maximum(shape - np.float32(3.0), 0.1 - lv_wall)
        return atrium.astype(np.float32), cavity.astype(np.float32), wall.astype(np.float32)


def _course_of(table: FloatArray) -> Course:
    return tuple((float(x), float(y), float(z), float(r)) for x, y, z, r in table)


def _densified(table: FloatArray) -> FloatArray:
    """Round a course (N, 4) off with a spline at about 4 mm."""
    from scipy.interpolate import PchipInterpolator

    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(table[:, :3], axis=0), axis=1))])
    count = max(int(arc[-1] / 4.0) + 1, 2)
    return np.asarray(PchipInterpolator(arc, table)(np.linspace(0.0, arc[-1], count)))


def _sac(fields: dict[str, Float32Array], lattice: Lattice) -> Float32Array:
    """The inside of the pericardium: all parts with their grooves filled, and some fat."""
    parts = ("lv_wall", "rv_wall", "la_wall", "ra_wall")
    total = np.minimum.reduce([fields[name] for name in parts])
    z = lattice.axes()[2]
    vessels = np.minimum(fields["aorta_wall"], fields["trunk_wall"])
    total = np.minimum(total, np.maximum(vessels, np.asarray(z + 12.0, dtype=np.float32)))
    grown = gaussian_filter(np.clip(total, -30.0, 30.0), 6.0 / lattice.step_mm)
    return np.asarray(np.minimum(grown - np.float32(3.5), total - np.float32(2.0)), dtype=np.float32)
