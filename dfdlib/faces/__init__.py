"""From a video to face crops and landmarks."""
