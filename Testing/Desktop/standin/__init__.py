"""A stand-in for the Slicer desktop: test equipment, not shipped with the extension. See ../README.md."""
