"""Models in memory: fetched, verified, loaded, warmed, swapped."""
