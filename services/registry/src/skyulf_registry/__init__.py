"""The registry service of Skyulf."""
