"""What a learner is told: verdicts, diagnoses, hints, the assessment and its shapes."""
