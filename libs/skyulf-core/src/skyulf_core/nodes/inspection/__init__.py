"""Looking at data, and holding it to what it promises."""
