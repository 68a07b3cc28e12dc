"""The shipped detector: verdicts on any picture or video, and the report."""
