"""Fine-tuning of speech encoders for phones, and the one inference path everybody uses."""
