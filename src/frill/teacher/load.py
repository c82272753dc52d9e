"""The teacher that the stage `teacher` left in models/teacher, whatever it is."""

from pathlib import Path

from frill.tensorflow_setup import import_tensorflow

SAVED_MODEL = "saved_model"
PYTHON = "teacher.py"


def is_python(source: str) -> bool:
    """Tell whether teacher.source is a Python file of the user's."""
    return source.endswith(".py")


def find_model(folder: Path) -> Path:
    """Return the SavedModel's folder, or the Python file, of a folder such as models/teacher."""
    python = folder / PYTHON
    return python if python.exists() else folder / SAVED_MODEL


def load_teacher(folder: Path, output: str):
    """Return the teacher of a folder such as models/teacher: `level`, `values` and `embed`.

    Raises UserError.
    """
    return open_teacher(find_model(folder), output)


def open_teacher(model: Path, output: str):
    """Return the teacher of a SavedModel's folder or of a Python file. Raises UserError."""
    if is_python(model.name):
        from frill.teacher.python import PythonTeacher

        return PythonTeacher(model, output)
    import_tensorflow()
    from frill.teacher.saved_model import Teacher

    return Teacher(model, output)
