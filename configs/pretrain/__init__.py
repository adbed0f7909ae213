"""Configuration files of the verbs."""
