"""Consented voice collection: from recordings and a consent register to a pseudonymised release."""

import os

# The one thing done at import: dependencies read these when they load, so they must be set before any of them does.
# A user's own setting wins.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")
