"""Published metrics, exactly as their authors define them."""
