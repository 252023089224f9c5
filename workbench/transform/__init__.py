"""From what vendors send to standard frames. Pure: bytes or frames in, frames out."""
