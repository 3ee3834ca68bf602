"""Training, test and validation rows."""
