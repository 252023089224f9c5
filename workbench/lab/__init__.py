"""The Python face: opens a lab, ties the rooms together, gives results that show themselves."""
