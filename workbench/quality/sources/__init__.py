"""Several sources of the same data: what differs by convention, what by mistake, and whose mistake it is."""
