"""The table of routes, and the documents made from it."""
