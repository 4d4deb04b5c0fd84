"""SenseCare Planning, ring 0: algorithms and data that every organ shares. Knows no Slicer, no Qt, no organ."""

__version__ = "0.1.0"
