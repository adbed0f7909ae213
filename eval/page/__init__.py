"""The page of a report: what stands on it, as text, tables and drawings; nothing here computes a figure."""
