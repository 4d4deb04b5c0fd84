"""Networks behind one protocol: which are there, whether they may run, and how."""
