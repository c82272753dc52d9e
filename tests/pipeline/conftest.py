"""One miniature repro for all tests of the graph."""

import pytest
from pipeline_project import Project, miniature


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory) -> Project:
    """The miniature project after a first `dvc repro`."""
    project = Project(tmp_path_factory.mktemp("miniature") / "frill", miniature())
    project.repro()
    return project
