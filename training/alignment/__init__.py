"""CTC likelihoods: forced alignment, the lattice of altered readings, goodness of pronunciation, chosen readings."""
