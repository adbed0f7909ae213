"""Honest figures: counts, rates, baselines and one page to show them."""

import collection  # noqa: F401  telemetry of dependencies is off before torch and transformers load
