"""Taking a learner back: the steps, the ledger that outlives backups, past releases, and the mark they are given."""
