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
SHIPPED = ("rank", "qat")  # what the bottleneck becomes after its dense steps


def list_students(axes: dict[str, list]) -> dict[str, dict]:
    """Return the students of a grid by name, each with what differs from a plain one.

    Rank and qat vary slowest. So in a large grid students that share their dense steps
    (students/checkpoint.py) are far apart and seldom train at once. Raises ParamsError for an
    unknown axis and for a value out of its set.
    """
    # The command's --help works without the pipeline's packages.
    from frill.params.load import ParamsError, validate_student

    if unknown := sorted(axes.keys() - AXES.keys()):
        raise ParamsError(
            f"the grid: {unknown[0]} is no axis of a student; axes are {', '.join(AXES)}"
        )
    named = sorted(axes, key=[*SHIPPED, *AXES].index)
    students = {}
    for values in product(*(_as_list(axes[axis]) for axis in named)):
        axes_of_one = dict(zip(named, values, strict=True))
        student = validate_student(axes_of_one, "the grid")
        written = student.model_dump(exclude_defaults=True)
        name = name_student(student.model_dump())
        students[name] = {axis: axes_of_one[axis] for axis in written}
    return students


def write_lines(axes: dict[str, list]) -> list[str]:
    """Return one line a student for params.yaml. Raises ParamsError."""
    lines = []
    for name, student in list_students(axes).items():
        values = ", ".join(f"{axis}: {value}" for axis, value in student.items())
        lines.append(f"{name}: {{{values}}}")
    return lines


def _as_list(value: object) -> list:
    return value if isinstance(value, list) else [value]
