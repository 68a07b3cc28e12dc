"""FSRCNN and its relatives (paper, section II.C)."""
