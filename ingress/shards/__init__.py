"""A venue of several shards: orders to where their markets trade, one setup for all, and money between them."""
