"""The pages of the airway report, one noun per file; they arrange what a result holds and compute nothing."""
