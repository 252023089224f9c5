"""Feeds: sources that go on, read piece by piece, each piece with the position behind it."""
