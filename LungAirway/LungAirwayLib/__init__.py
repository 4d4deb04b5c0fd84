"""LungAirway, ring 0: from a chest CT to a bronchoscopy plan."""
