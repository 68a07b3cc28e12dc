"""One function a figure, one style."""
