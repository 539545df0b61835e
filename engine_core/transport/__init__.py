"""How processes reach each other: the ring, the feed of events, gateways into the log, connections."""
