"""Commands that change what an exchange has: accounts, keys, markets, shards, its state on the disk."""
