"""Types, columns and rows put in order."""
