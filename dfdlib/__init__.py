"""The library behind the notebooks: a deepfake-detection paper, reproduced."""
