"""What operators' tools change in the log: the set-up of an exchange, from exchange.toml and for the demo."""
