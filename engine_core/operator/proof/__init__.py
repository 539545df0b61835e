"""What `exchange verify` proves: of one shard by replaying its log, and of all shards together."""
