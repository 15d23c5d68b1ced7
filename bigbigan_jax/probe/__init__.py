"""Probes: how much of the labels can be told from features that were learned without them."""
