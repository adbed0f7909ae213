"""How models learn: data, stages, trainers, and encoders of one's own."""
