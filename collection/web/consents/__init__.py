"""Notices, signatures, refusals and withdrawals of families; the pipeline's register is written from here."""
