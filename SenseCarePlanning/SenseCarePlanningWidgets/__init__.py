"""What the desktop modules share (ring 2): child processes, progress, reports, packages, texts. Knows no organ."""
