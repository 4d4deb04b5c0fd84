"""The commands of the command line (ring 2): arguments in, a result folder out. Each imports the organ it serves."""
