"""Names of students, such as small_200 and small_100_flatten_rank100_qat_float16.

DVC reads a dot in a key as a step into a section, so a width stands in per cent: 2.0 is 200.
"""

import re

# How students were named before: the width with a dot.
OLD_NAME = re.compile(r"(?P<backbone>tiny|small|large)_(?P<width>\d\.\d+)(?P<rest>_.*)?")


def name_student(student: dict) -> str:
    """Return the name of one student, whose axes are those of grid.AXES, None for no rank.

    After backbone and width the name says what differs from a plain student.
    """
    parts = [student["backbone"], _write_width(student["width"])]
    parts += ["flatten"] * (student["pooling"] == "flatten")
    parts += [f"rank{student['rank']}"] * (student["rank"] is not None)
    parts += ["qat"] * (student["qat"] == 1)
    parts += [student["precision"]] * (student["precision"] != "float32")
    parts += [f"seeds{student['seeds']}"] * (student["seeds"] != 1)
    return "_".join(parts)


def remove_dots(name: str) -> str:
    """Return a name without dots: small_100_qat for small_1.0_qat, my_phone for my.phone."""
    if old := OLD_NAME.fullmatch(name):
        name = f"{old['backbone']}_{_write_width(float(old['width']))}{old['rest'] or ''}"
    return name.replace(".", "_")


def _write_width(width: float) -> str:
    """Return 050 for 0.5 and 200 for 2; more digits where per cent do not tell widths apart."""
    per_cent = f"{width:.2f}"
    text = per_cent if float(per_cent) == width else str(width)
    return text.replace(".", "")
