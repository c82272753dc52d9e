"""lab/labels.csv of ComParE 2020's Mask Sub-Challenge.

file_name,label
train_00001.wav,clear         clear or mask; parts by the name's beginning: train_, devel_, test_
test_00001.wav,?              as the challenge gave out the test files
"""

import csv
from pathlib import Path

LABELS = ("clear", "mask")
PARTS = ("train", "devel", "test")


class LabelsError(ValueError):
    """A labels.csv that is not the challenge's."""


def read_labels(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Return (file name, label) of each of PARTS in the file's order; a hidden label is "".

    Raises LabelsError.
    """
    parts = {part: [] for part in PARTS}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != ["file_name", "label"]:
                header = ",".join(reader.fieldnames or ["missing"])
                raise LabelsError(f"{path}: the header is {header}; it must be file_name,label")
            for row in reader:
                name = (row["file_name"] or "").strip()
                label = (row["label"] or "").strip()
                part = name.partition("_")[0]
                if part not in parts or Path(name).name != name:
                    raise LabelsError(
                        f"{path}: file_name = {name!r}: must be as train_00001.wav, "
                        "devel_00001.wav or test_00001.wav, without a folder"
                    )
                if label not in (*LABELS, "?"):
                    raise LabelsError(
                        f"{path}: label = {label!r} for {name}: must be clear, mask or ?"
                    )
                parts[part].append((name, label.replace("?", "")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelsError(f"{path}: unreadable ({error}); unzip it anew") from None
    hidden = [name for name, label in parts["train"] + parts["devel"] if not label]
    if hidden:
        raise LabelsError(f"{path}: {hidden[0]} has no label; only test files may be without")
    for part in PARTS:
        if not parts[part]:
            raise LabelsError(f"{path}: lists no {part}_ files; unzip it anew")
    return parts
