"""A training's curve: the loss and the validation error over the steps, as rows of curve.csv."""

import csv
from pathlib import Path

COLUMNS = ["step", "train_loss", "validation_mse", "validation_r2"]


def write_curve(folder: Path, rows: list[dict]) -> None:
    """Write curve.csv, its numbers at six digits."""
    with open(folder / "curve.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: f"{value:.6g}" for key, value in row.items()})


def read_curve(folder: Path) -> list[dict[str, str]]:
    """Return the rows of curve.csv as their text."""
    with open(folder / "curve.csv", newline="") as file:
        return list(csv.DictReader(file))
