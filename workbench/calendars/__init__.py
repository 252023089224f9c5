"""When a market is open: expected sessions and minutes, and which calendar a series keeps."""
