"""Images and the compose file, without an engine."""
