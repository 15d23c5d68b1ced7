"""A table of a paper, measured: every row trained, probed, and set beside the paper's number."""
