"""Runs the modules' widget tests in a real Slicer: the entry point that ``slicer_add_python_unittest`` starts.

The tests are pytest's; Slicer's Python needs it once: ``PythonSlicer -m pip install pytest``.
"""

import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = ("test_hub_*.py", "test_lungairway_*.py", "test_widgets_*.py")


class SenseCareDesktopTest(unittest.TestCase):
    """All widget tests as one."""

    def test_widgets(self):
        """The hub's, the airway module's and the shared widgets' tests pass in this Slicer."""
        try:
            import pytest
        except ImportError:
            self.fail("Slicer's Python has no pytest: run PythonSlicer -m pip install pytest.")
        files = [str(path) for pattern in TESTS for path in sorted(HERE.glob(pattern))]
        self.assertTrue(files)
        ended = pytest.main(["-p", "no:cacheprovider", f"--rootdir={HERE.parents[1]}", *files])
        self.assertEqual(int(ended), 0)
