"""Classes, their rosters, reading lists and reading sessions."""
