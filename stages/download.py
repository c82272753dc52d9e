"""download.py SOURCE NAME: one set of audio -> a clip store in data/USE/NAME."""

import sys
from pathlib import Path

from frill import corpora, params
from frill.clips import Rejected, enforce_limit, write_clips
from frill.progress import progress
from frill.stage import stage

if __name__ == "__main__":  # processes that speak import this file
    source, name = sys.argv[1:]
    with stage(f"download_{source}@{name}"):
        settings = params.load()
        spec = getattr(settings.audio, source)[name]
        clips = corpora.clips(source, name, spec, settings.seed, settings.threads)
        summary = write_clips(Path("data", spec.use, name), progress(clips, name, None, "clip"))
        rejected = [Rejected(**item) for item in summary["rejected"]]
        for line in enforce_limit(name, rejected, summary["clips"] + len(rejected), settings.audio.rejected_limit):
            print(line)
        print(f"{name}: {summary['clips']} clips, {summary['audio_s'] / 60:.1f} min, {summary['speakers']} speakers")
