"""The pipeline's own side: stages, presets, DVC's files."""
