"""Schema changes of the registry's database."""
