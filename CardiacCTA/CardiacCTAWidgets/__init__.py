"""The panel of the CardiacCTA module: one noun a file, wired in ``CardiacCTA.py``."""
