"""Releases: proposed, built as a draft, looked at, approved, handed out, and who has which."""
