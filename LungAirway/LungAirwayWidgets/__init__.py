"""The parts of the LungAirway module's panel (ring 2): one CT's case, its scene, its tables, edits and the fly-through."""
