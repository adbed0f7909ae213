"""What ``collection.phones`` is made of: words as read aloud, gruut's lexicons, English beside the CMU dictionary."""
