"""Where the registry keeps its state: tables, repositories, the unit of work."""
