"""Which number stands for which structure of the heart in a label map."""

from __future__ import annotations

MYOCARDIUM = 1
LEFT_VENTRICLE = 2
LEFT_ATRIUM = 3
RIGHT_ATRIUM = 4
RIGHT_VENTRICLE = 5
AORTA = 6
PULMONARY_ARTERY = 7
CAVA = 8
CORONARY = 9
FAR_AORTA = 10

HEART_NAMES: dict[int, str] = {
    MYOCARDIUM: "myocardium",
    LEFT_VENTRICLE: "left_ventricle",
    LEFT_ATRIUM: "left_atrium",
    RIGHT_ATRIUM: "right_atrium",
    RIGHT_VENTRICLE: "right_ventricle",
    AORTA: "aorta",
    PULMONARY_ARTERY: "pulmonary_artery",
    CAVA: "vena_cava",
    CORONARY: "coronary_artery",
    FAR_AORTA: "aortic_arch_and_descending_aorta",
}
"""Myocardium is that of the left ventricle with the septum; the cavities hold their blood, trabeculae and papillary muscles as
the scan resolves them; the venae cavae are there so that they are not taken for an atrium. ``aorta`` is its root and
ascending part."""

CHAMBERS = (MYOCARDIUM, LEFT_VENTRICLE, LEFT_ATRIUM, RIGHT_ATRIUM, RIGHT_VENTRICLE)
"""What makes up the heart without its great vessels."""
