"""What hears and scores: encoder, head, scorer, and the model of them: a checkpoint, an export or an ensemble."""
