"""Scores, their intervals, the decision maker, and the claim table."""
