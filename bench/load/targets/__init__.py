"""Where a load goes and how fast: REST, `/ws/orders`, the log, readers; the pace of an open and of a closed loop."""
