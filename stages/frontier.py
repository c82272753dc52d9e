"""Latency, quality and bytes of every student named in params.yaml -> results/frontier.json with the frontier and the selection."""

import json
from pathlib import Path

from frill.frontier.assemble import assemble
from frill.params.load import load_params
from frill.workflow.stage import stage

with stage("frontier"):
    settings = load_params()
    names = [*settings.students, *settings.references]

    def read(pattern: str) -> dict[str, dict]:
        paths = {name: Path(pattern.format(name)) for name in names}
        return {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}

    result = assemble(
        settings,
        latency=read(f"results/latency/{settings.selection.device}/{{}}.json"),
        noss=read("results/noss/{}.json"),
        tflite=read("models/tflite/{}/summary.json"),
        trained=read("models/students/{}/summary.json"),
    )
    Path("results/frontier.json").write_text(json.dumps(result, indent=1) + "\n")
    print(result["reason"])
