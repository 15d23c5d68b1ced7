"""Scores of what was learned."""
