"""A training's curve: the loss and the validation error over the steps, as rows of curve.csv."""

import csv
from collections.abc import Callable
from pathlib import Path

COLUMNS = ["step", "train_loss", "validation_mse", "validation_r2"]


def write_curve(folder: Path, rows: list[dict]) -> None:
    """Write curve.csv, its numbers at six digits."""
    with open(folder / "curve.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: f"{value:.6g}" for key, value in row.items()})


def read_curve(folder: Path, parse: Callable = str) -> list[dict]:
    """Return the rows of curve.csv, their values as `parse` gives them: by default the text."""
    with open(folder / "curve.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return [dict(zip(row, map(parse, row.values()), strict=True)) for row in rows]
