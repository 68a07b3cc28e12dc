"""The detector that comes along, and its report."""
