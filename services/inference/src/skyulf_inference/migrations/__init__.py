"""Schema changes of inference's database."""
