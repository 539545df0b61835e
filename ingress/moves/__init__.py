"""Money of an account on its way from one shard to another."""
