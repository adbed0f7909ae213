"""Public corpora, each read from its own layout into an Intake."""
