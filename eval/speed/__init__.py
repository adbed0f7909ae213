"""What things cost on this machine: the tables of ``eval.bench``, each beside a baseline of the same run."""
