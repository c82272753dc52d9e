"""Validates params.yaml and all that it names, before anything long starts.

Every other stage depends on its constant output.
"""

from pathlib import Path

from frill import check
from frill.params.load import load_params
from frill.workflow.stage import stage

with stage("check"):
    settings = load_params()
    for line in check.check(settings):
        print(line)
    for path in check.remove_unnamed(settings):
        print(f"removed {path}: no longer in params.yaml")
    check.link_teacher(settings.teacher.source, Path("data/teacher_source"))
    Path("data/checked.txt").write_text("params.yaml is valid\n")
