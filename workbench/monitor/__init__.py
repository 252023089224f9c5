"""When somebody is told, and how urgently."""
