"""Off-screen VTK pictures and video."""
