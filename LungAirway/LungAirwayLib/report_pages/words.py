"""Names of bronchi and measurements of the airway report in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from SenseCarePlanningLib.report.words import Pictures, label_of
from SenseCarePlanningLib.report.words import Words as SharedWords
from SenseCarePlanningLib.tubes.tree import Branch, Tree

from ..naming import UNCERTAIN_NAME_BELOW, display_name

__all__ = ["MEASUREMENT_NAMES", "UNCERTAIN_NAME_BELOW", "Pictures", "Words", "label_of"]


MEASUREMENT_NAMES = {
    "long_axis": label_of("Long axis"),
    "short_axis": label_of("Short axis"),
    "axial_long_axis": label_of("Long axis on the axial plane"),
    "axial_short_axis": label_of("Short axis on the axial plane"),
    "mean_diameter": label_of("Mean diameter"),
    "maximum_diameter": label_of("Largest diameter"),
    "equivalent_diameter": label_of("Diameter of a sphere of equal volume"),
    "volume": label_of("Volume"),
    "volume_subvoxel": label_of("Volume, partial voxels weighted"),
    "maximum_3d_diameter": label_of("Largest diameter"),
    "solid_core_diameter": label_of("Diameter of the solid core"),
    "deepest_generation": label_of("Deepest generation"),
    "mean_attenuation": label_of("Mean attenuation"),
    "attenuation_sd": label_of("Standard deviation of the attenuation"),
    "solid_fraction": label_of("Solid part"),
    "solid_long_axis": label_of("Long axis of the solid part"),
    "distance_to_pleura": label_of("Distance to the pleura"),
    "distance_to_fissure": label_of("Distance to the fissure"),
    "distance_to_airway": label_of("Distance to the nearest airway"),
    "slice_spacing": label_of("Distance between slices"),
    "slice_thickness": label_of("Slice thickness"),
    "pixel_spacing": label_of("Pixel spacing"),
    "in_plane_spacing": label_of("Pixel spacing"),
    "noise": label_of("Image noise in the trachea"),
    "coverage": label_of("Length of the chest in the scan"),
    "branch_count": label_of("Airway branches found"),
    "total_length": label_of("Total length of the airway tree"),
    "lobes_supplied": label_of("Lobes with a named bronchus"),
    "segments_named": label_of("Segmental bronchi named"),
    "segments_found": label_of("Segmental bronchi named"),
    "maximum_generation": label_of("Deepest generation"),
    "tip_count": label_of("Peripheral ends"),
    "lung_volume": label_of("Lung volume"),
    "loops_removed": label_of("Loops cut open"),
    "bridges": label_of("Gaps bridged"),
    "bridged_gaps": label_of("Gaps bridged"),
    "false_airways_removed": label_of("False airways removed"),
    "leaks_suspected": label_of("Branches with a suspected leak"),
    "inner_diameter": label_of("Inner diameter"),
    "minimum_diameter": label_of("Smallest diameter"),
    "wall_thickness": label_of("Wall thickness"),
    "length": label_of("Length"),
    "angle": label_of("Branching angle"),
    "expected_motion": label_of("Expected breathing motion"),
    "limiting_diameter": label_of("Limiting diameter"),
    "remaining_path": label_of("Remaining way"),
    "straight_distance": label_of("Straight distance to the surface"),
    "approach_angle": label_of("Approach angle"),
    "bend": label_of("Total bend"),
    "minimum_curvature_radius": label_of("Tightest radius of curvature"),
}
"""Machine name of a measurement -> what the reader sees; other names are printed with spaces."""


@dataclass(frozen=True, eq=False)
class Words(SharedWords):
    """How things are said in one language; see the shared words for numbers and sentences."""

    names: ClassVar[Mapping[str, str]] = MEASUREMENT_NAMES

    def code(self, code: str) -> str:
        """Return the name of a branch or lobe code: the number for segments, words above; other texts as they are."""
        try:
            return display_name(code, self.language, "boyden")
        except ValueError:
            return self.translate.sentence(code)

    def full_name(self, code: str) -> str:
        """Return the name of a bronchus written out."""
        return display_name(code, self.language, "clinical")

    def branch(self, branch: Branch, tree: Tree) -> str:
        """Return the name of a branch; a branch without one is named by its number and the nearest named one above."""
        if branch.label is not None:
            return self.short_branch(branch)
        above = self.nearest_name(branch, tree)
        if not above:
            return self.short_branch(branch)
        return self.say("branch {number} beyond {name}", number=branch.id, name=above)

    def nearest_name(self, branch: Branch, tree: Tree) -> str:
        """Return the nearest name towards the trachea, empty when there is none."""
        above = [tree[other].label for other in tree.path_to(branch.id)[:-1]]
        named = next((label for label in reversed(above) if label is not None), None)
        return self.code(named.code) if named is not None else ""

    def short_branch(self, branch: Branch) -> str:
        """Return the name of a branch, or its number, with a question mark where the name is uncertain."""
        if branch.label is None:
            return self.say("branch {number}", number=branch.id)
        name = self.code(branch.label.code)
        return f"{name} ?" if branch.label.confidence < UNCERTAIN_NAME_BELOW else name

    def path(self, branch_ids: tuple[int, ...], tree: Tree) -> str:
        """Return the way through a tree in names, each once; unnamed branches in between are left out."""
        names: list[str] = []
        for position, branch_id in enumerate(branch_ids):
            branch = tree[branch_id]
            last = position == len(branch_ids) - 1
            if branch.label is not None or last:
                name = self.branch(branch, tree)
                if not names or names[-1] != name:
                    names.append(name)
        return " → ".join(names)
