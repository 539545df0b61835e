"""Price levels, the queues of orders in them, and the matching loop. Knows no money, no accounts, no events."""
