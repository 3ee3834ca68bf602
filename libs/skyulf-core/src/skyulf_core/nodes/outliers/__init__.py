"""Values far from the others."""
