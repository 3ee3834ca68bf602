"""The gateway service of Skyulf."""
