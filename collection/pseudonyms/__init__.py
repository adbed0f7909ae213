"""Who becomes whom in a release and what becomes of every column: raw ids behind pseudonyms, splits, their ledger."""
