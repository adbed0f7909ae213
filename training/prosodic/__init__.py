"""Pitch, pauses, rates and word stress, measured in the sound and the times of its phones."""
