"""The tags by which runs and models in MLflow are found again."""

KEY = "frill.key"  # of a run: a hash of all that it says; equal runs are logged once
# Of a run: "current", "superseded" by another of its name, "removed", or "experiment": made in a
# workspace that `dvc exp` keeps apart.
STATE = "state"
KIND = "kind"  # of a run: student, teacher, control, baseline or frontier
MODEL_ID = "frill.model_id"  # of a run: MLflow's model that it logged
EXPERIMENT_NAME = "dvc_experiment"  # of a run: DVC's name of the experiment that made it
ALIAS = "champion"  # of the registered model that was selected last
MODEL_HASH = "model_sha256"  # of a registered model's version
EXTERNAL = "mlflow.model.isExternal"  # MLflow's own: the model's files are not in the store
NOTE = "mlflow.note.content"  # MLflow's own: a description, in Markdown
