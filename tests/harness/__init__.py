"""One harness for both forms of Skyulf: it starts real processes, talks to them, and ends them for certain."""
