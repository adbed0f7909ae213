"""Who may come in: schools, accounts with a role, and the door that every view hangs on."""
