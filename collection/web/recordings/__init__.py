"""Uploaded recordings, what the pipeline heard in them, and who may listen."""
