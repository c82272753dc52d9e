"""A grid of students as lines for params.yaml, so that nobody writes FRILL's 144 by hand."""

from itertools import product

from frill.params.names import name_student

# FRILL's grid: 3 x 6 x 2 x 2 x 2 = 144 students (arXiv 2011.04609), and two axes beyond it.
AXES = {
    "backbone": ["tiny", "small", "large"],
    "width": [0.5, 0.75, 1.0, 1.25, 1.5, 2.0],
    "pooling": ["gap", "flatten"],
    "rank": ["none", 100],
    "qat": [0, 1],
    "precision": ["float32"],
    "seeds": [1],
}


def write_lines(axes: dict[str, list]) -> list[str]:
    """Return one line a student, in the order of the axes; every axis of AXES is a key.

    Raises ParamsError for a value out of its set.
    """
    # The command's --help works without the pipeline's packages.
    from frill.params.load import validate_student

    students = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    lines = []
    for student in students:
        written = validate_student(student, "the grid").model_dump(exclude_defaults=True)
        values = ", ".join(f"{axis}: {student[axis]}" for axis in written)
        lines.append(f"{name_student(student)}: {{{values}}}")
    return lines
