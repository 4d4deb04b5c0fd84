"""Ring 1: plain data to vtkMRML nodes and back. The scene is always an argument; no Qt, no application."""
