"""`make load`: the distributed form under everything at once, for half an hour; and what of it is too much."""
