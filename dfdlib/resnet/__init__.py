"""The classifier on face crops (paper, section II.A)."""
