"""What a package outside of Skyulf may add: a node and a data source."""
