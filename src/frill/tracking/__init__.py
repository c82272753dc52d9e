"""MLflow, written from the artefacts and by nobody but the stage `track`. docs/mlflow.md says what it shows and why so."""
