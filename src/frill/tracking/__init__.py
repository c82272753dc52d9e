"""MLflow, written from the artefacts by the stage `track` alone (docs/mlflow.md)."""
