"""Head pose from landmarks, and the SVM on it (paper, section II.B)."""
