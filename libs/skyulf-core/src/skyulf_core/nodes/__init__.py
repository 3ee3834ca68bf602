"""The nodes: every module below this package (one node a file) is found and registered by itself."""
