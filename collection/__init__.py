"""Consented voice collection: from recordings and a consent register to a pseudonymised release."""
