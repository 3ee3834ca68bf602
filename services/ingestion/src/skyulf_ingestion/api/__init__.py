"""HTTP in: one router per resource."""
