"""The buttons that let the user set points stay pressed as long as points are set, and no longer: Escape ends it as well."""

from typing import Any

import slicer


def is_placing() -> bool:
    """Tell whether clicks set points now."""
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    return interaction is not None and interaction.GetCurrentInteractionMode() == interaction.Place


def stop_placing() -> None:
    """Give the mouse back to the views, unless it does something else already."""
    if is_placing():
        slicer.app.applicationLogic().GetInteractionNode().SwitchToViewTransformMode()


class PlacingButtons:
    """Watches Slicer's mouse mode for some buttons.

    Parameters
    ----------
    buttons
        Checkable; each begins to place when it is checked and ends when it is not.
    """

    def __init__(self, *buttons: Any) -> None:
        self._buttons = buttons
        for button in buttons:
            button.connect("toggled(bool)", lambda on, pressed=button: self._on_pressed(pressed) if on else None)
        self._node = slicer.app.applicationLogic().GetInteractionNode()
        self._tag = self._node.AddObserver(self._node.InteractionModeChangedEvent, self._on_mode)

    def _on_pressed(self, pressed: Any) -> None:
        for button in self._buttons:
            if button is not pressed and button.checked:
                blocked = button.blockSignals(True)  # placing goes on, of other points
                button.checked = False
                button.blockSignals(blocked)

    def _on_mode(self, caller: Any, event: Any) -> None:
        if not is_placing():
            self.release()

    def release(self) -> None:
        """Let every pressed button go; the mouse is Slicer's again."""
        for button in self._buttons:
            if button.checked:
                button.checked = False

    def close(self) -> None:
        """Watch no more."""
        self._node.RemoveObserver(self._tag)
