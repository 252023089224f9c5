"""What a person is asked to look at, and in which order."""
