"""The `skyulf` command: one module per group of verbs."""
