"""CardiacCTA, ring 0: from a coronary CT angiogram to a graded, evidenced coronary analysis."""
