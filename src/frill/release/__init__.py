"""release/: the selected student as others use it."""
