"""What the user can choose between; the names are kept in scenes."""

from enum import Enum

from SenseCarePlanningWidgets.texts import tr as _


class Engine(Enum):
    """How the airways are found; the names are kept in scenes."""

    AUTO = "auto"
    CLASSICAL = "classical"
    BUNDLE = "bundle"
    TOTALSEGMENTATOR = "totalsegmentator"

    def label(self) -> str:
        """Return what the user reads."""
        return {
            Engine.AUTO: _("Automatic"),
            Engine.CLASSICAL: _("Classical"),
            Engine.BUNDLE: _("Network"),
            Engine.TOTALSEGMENTATOR: _("TotalSegmentator"),
        }[self]


class Orientation(Enum):
    """What lies at 12 o'clock in the trachea; the names are kept in scenes."""

    ANTERIOR_12 = "anterior_12"
    POSTERIOR_12 = "posterior_12"

    def label(self) -> str:
        """Return what the user reads."""
        return _("Front of the patient") if self is Orientation.ANTERIOR_12 else _("Back of the patient")


class ColorBy(Enum):
    """What the colours of the airway mean; the names are kept in scenes."""

    LOBE = "lobe"
    GENERATION = "generation"
    DIAMETER = "diameter"

    def label(self) -> str:
        """Return what the user reads."""
        return {ColorBy.LOBE: _("Lobe"), ColorBy.GENERATION: _("Generation"), ColorBy.DIAMETER: _("Diameter")}[self]
