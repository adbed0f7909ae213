"""A whole class in one recording: voiceprints of the enrolled, their encoder, and who of them is heard reading what."""
