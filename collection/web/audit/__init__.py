"""What was done, by whom, to what: an append-only, hash-chained journal without names."""
