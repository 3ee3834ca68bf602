"""What a person checks when something does not work, done by program. What it writes to try things it removes."""
