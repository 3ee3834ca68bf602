"""The Python client of Skyulf and the skyulf command."""
