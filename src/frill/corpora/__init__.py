"""Where audio comes from, a loader a kind of source (load)."""
