"""Stops where clips that judge students are in a corpus too, before anything is trained."""

import json
from pathlib import Path

from frill.audio.clips import ClipStore
from frill.noss.shared_clips import enforce_limit, find_shared_clips
from frill.params.load import load_params
from frill.workflow.stage import stage

with stage("shared_clips"):
    settings = load_params()
    corpora = [ClipStore(Path("data/corpus", name)) for name in settings.audio.list_sets("corpus")]
    tasks = [ClipStore(Path("data/task", name)) for name in settings.tasks]
    shared, judging = find_shared_clips(corpora, tasks, settings.noss, settings.seed)
    for line in enforce_limit(shared, judging, settings.audio.leakage_limit):
        print(line)
    content = {"schema": 1, "shared": shared}
    Path("data/shared_clips.json").write_text(json.dumps(content, indent=1) + "\n")
    # Constant: what is shared below the limit makes no teacher anew.
    Path("data/shared_clips_checked.txt").write_text("within audio.leakage_limit\n")
    clips = len({(clip["task"], clip["clip"]) for clip in shared})
    count = f"{clips or 'none'} of {sum(judging.values())}"
    print(f"shared_clips: {count} validation and test clips in a corpus, too")
