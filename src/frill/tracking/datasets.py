"""The sets of audio as MLflow's datasets: what models were distilled from and scored on."""

import json
from dataclasses import dataclass
from pathlib import Path

from frill.params.audio import Audio
from frill.scratch import content_hash

DIGEST_DIGITS = 12


@dataclass(frozen=True)
class AudioSet:
    """A clip store. The manifest has a hash of every clip: its own hash is the content's."""

    name: str
    use: str  # corpus or task
    digest: str
    source: str  # as in params.yaml: espeak, folder, ...
    clips: int
    audio_s: float
    labels: int
    speakers: int
    licences: list[str]

    def as_input(self):
        """Return it as what a run takes for an input."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = {"uri": f"data/{self.use}/{self.name}", "made_by": self.source}
        counts = {"num_rows": self.clips, "audio_s": self.audio_s, "speakers": self.speakers}
        counts |= {"labels": self.labels, "licences": self.licences}
        dataset = Dataset(
            self.name, self.digest, "local", json.dumps(source), profile=json.dumps(counts)
        )
        context = "distillation" if self.use == "corpus" else "scoring"
        return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])


def read_sets(audio: Audio, folder: Path = Path("data")) -> dict[str, AudioSet]:
    """Return what was made of the section `audio` of params.yaml, by name."""
    sets = {}
    for source, name, spec in audio.walk_sets():
        store = folder / spec.use / name
        summary = json.loads((store / "summary.json").read_text())
        sets[name] = AudioSet(
            name,
            spec.use,
            content_hash(store / "manifest.csv")[:DIGEST_DIGITS],
            source,
            summary["clips"],
            summary["audio_s"],
            len(summary["labels"].keys() - {""}),
            summary["speakers"],
            sorted(summary["licences"].keys() - {""}),
        )
    return sets
