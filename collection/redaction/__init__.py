"""What ``collection.redact`` is made of: what finds personal data in a text, and where its words are in the sound."""
