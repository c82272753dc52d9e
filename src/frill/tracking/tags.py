"""The tags by which runs and models in MLflow are found again."""

KEY = "frill.key"  # of a run: a hash of all that it says; equal runs are logged once
STATE = "state"  # of a run: "current", "superseded" by another of its name, or "removed"
PARENT = "mlflow.parentRunId"  # MLflow's own
ALIAS = "champion"  # of the registered model that was selected last
MODEL_HASH = "model_sha256"  # of a registered model's version
