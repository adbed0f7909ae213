"""Honest figures: counts, rates, baselines and one page to show them."""
