"""Who of several agents may poll a shard."""
