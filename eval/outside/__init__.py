"""Predictions of other systems, brought into the shape in which the bench scores its own (docs/outside.md)."""
