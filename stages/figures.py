"""figures/: what people compare. git holds it: a clone shows the published results at once."""

from pathlib import Path

from frill.frontier.results import read_frontier
from frill.params.load import load_params
from frill.report import figures
from frill.students.curve import read_curve
from frill.workflow.stage import stage

with stage("figures"):
    students = load_params().students
    curves = {name: read_curve(Path("models/students", name)) for name in students}
    figures.write(read_frontier(Path("results/frontier.json")), curves, Path("figures"))
