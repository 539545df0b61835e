"""What belongs to accounts: balances, client ids, keys, references, gateways, and each one's share of the tables."""
