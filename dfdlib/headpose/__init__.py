"""Head pose by solvePnP, and its SVM (paper, section II.B)."""
