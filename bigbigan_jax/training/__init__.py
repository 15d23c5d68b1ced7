"""Training: objective, state, update, loop and checkpoints."""
