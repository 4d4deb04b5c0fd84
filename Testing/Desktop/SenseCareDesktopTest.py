"""Runs the modules' widget tests in a real Slicer: the entry point that ``slicer_add_python_unittest`` starts.

The tests are pytest's; Slicer's Python needs it once: ``PythonSlicer -m pip install pytest``.
"""

import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
INSTALL = (
    "Slicer's Python has no pytest: enter slicer.util.pip_install('pytest') in Slicer's Python console, "
    "or run PythonSlicer -m pip install pytest, and start the test again."
)
TESTS = ("test_cardiaccta.py", "test_hub_*.py", "test_lungairway_*.py", "test_widgets_*.py")


class SenseCareDesktopTest(unittest.TestCase):
    """All widget tests as one."""

    def test_widgets(self):
        """The hub's, the airway module's and the shared widgets' tests pass in this Slicer."""
        try:
            import pytest
        except ImportError:
            self.skipTest(INSTALL)
        files = [str(path) for pattern in TESTS for path in sorted(HERE.glob(pattern))]
        self.assertTrue(files)
        ended = pytest.main(["-p", "no:cacheprovider", f"--rootdir={HERE.parents[1]}", *files])
        self.assertEqual(int(ended), 0)
