"""What was read in a recording, and when: listeners, the search of texts in what they hear, and reading lists."""
