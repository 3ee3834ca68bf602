"""New columns out of old ones."""
