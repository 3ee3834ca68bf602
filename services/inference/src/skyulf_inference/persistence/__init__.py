"""Where inference keeps its state: tables, repositories, the unit of work."""
