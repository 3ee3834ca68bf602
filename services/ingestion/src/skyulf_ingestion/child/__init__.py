"""What runs on a user's file in a child process: no database, no network, no credentials."""
