"""Names of the official codes mapped to the zoo's: for golden vectors and for official checkpoints."""
