"""From an untrusted file to samples: where it may lie, its container, why it is refused, and the decoding process."""
