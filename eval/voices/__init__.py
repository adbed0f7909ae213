"""Voices compared with voices: who is a stranger, what a disguise hides, whose reading in a class hour was whose."""
