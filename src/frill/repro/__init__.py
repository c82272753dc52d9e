"""Runs the stages of dvc.yaml that are not up to date, as many at once as there is room for."""
