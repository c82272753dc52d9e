"""download.py SOURCE NAME: one set of audio -> a clip store in data/USE/NAME."""

import sys
from functools import partial
from pathlib import Path

from frill.audio.clip_writer import write_clips
from frill.corpora import load as corpora
from frill.corpora.limits import enforce_limits
from frill.params.load import load_params
from frill.progress import progress
from frill.workflow.stage import stage

if __name__ == "__main__":  # processes that speak import this file
    source, name = sys.argv[1:]
    with stage(f"download_{source}@{name}"):
        settings = load_params()
        use = getattr(settings.audio, source)[name].use
        items = partial(corpora.load_clips, source, name, settings)
        work = Path("scratch/clips", name, corpora.name_unfinished(source, name, settings))
        out = Path("data", use, name)
        written = write_clips(
            out, lambda done: progress(items(done), name, None, "clip", done.items), work
        )
        for line in enforce_limits(source, name, written, settings.audio):
            print(line)
        summary = written.summary
        minutes, speakers = summary["audio_s"] / 60, summary["speakers"]
        print(f"{name}: {summary['clips']} clips, {minutes:.1f} min, {speakers} speakers")
