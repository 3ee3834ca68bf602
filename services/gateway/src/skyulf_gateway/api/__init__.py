"""HTTP in: the door that every request passes, and the gateway's own operations."""
