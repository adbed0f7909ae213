"""Experts rate what learners read: rounds, a blind queue, agreement, and the way into a release."""
