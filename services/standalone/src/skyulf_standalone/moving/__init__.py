"""A whole project in one file: exported here, imported there, over the public API alone."""
