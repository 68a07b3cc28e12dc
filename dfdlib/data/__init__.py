"""The data sets as lists of clips, their splits, and what is known of the rendered ones."""
