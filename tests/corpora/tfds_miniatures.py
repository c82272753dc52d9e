"""The seven data sets in miniature, in the originals' file formats.

Archive types, names, folders, lists and sample rates are theirs. Each writer returns the truth:
{what tells the clip apart: Expected}. No byte here comes from the originals.
"""

import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

EMOTIONS = {  # SAVEE's own list
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
HUMAN_SOUNDS = {  # ESC-50's README and meta/esc50.csv
    20: "crying_baby",
    21: "sneezing",
    22: "clapping",
    23: "breathing",
    24: "coughing",
    25: "footsteps",
    26: "laughing",
    27: "brushing_teeth",
    28: "snoring",
    29: "drinking_sipping",
}


@dataclass(frozen=True)
class Expected:
    samples: np.ndarray  # int16, as written, at the set's own rate
    label: str
    split: str = ""
    speaker: str = ""
    fold: str = ""


def noise(seed: int, length: int = 1600) -> np.ndarray:
    """Draw int16 [length]; the extremes of the range are in it."""
    samples = np.random.default_rng(seed).integers(-32768, 32768, length).astype(np.int16)
    samples[:2] = -32768, 32767
    return samples


def tone(hertz: float, rate_hz: int, seconds: float = 0.25) -> np.ndarray:
    """Return int16, a sine of half the range."""
    cycles = 2 * np.pi * hertz * np.arange(round(seconds * rate_hz)) / rate_hz
    return np.rint(16384 * np.sin(cycles)).astype(np.int16)


def wav(samples: np.ndarray, rate_hz: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def write_zip(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def write_tar_gz(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def speaker_splits(speakers: set[str], shares: dict[str, float]) -> dict[str, str]:
    """Return {speaker: split} by the rule published with TFDS.

    Unique ids are sorted, shuffled by RandomState(0) and cut at int(share * n).
    """
    ids = sorted(speakers)
    np.random.RandomState(0).shuffle(ids)
    splits = {}
    begin = 0
    total = 0.0
    for split, share in shares.items():
        total += share
        end = len(ids) if split == "test" else int(total * len(ids))
        splits |= dict.fromkeys(ids[begin:end], split)
        begin = end
    return splits


def voxceleb(folder: Path) -> dict[str, Expected]:
    """Write vox_dev_wav.zip (wav/id1NNNN/YOUTUBE_ID/NNNNN.wav) and iden_split.txt.

    The list's lines are `1 id10001/1zcIwhmdeo4/00001.wav`. It names a file of the speakers of the
    test zip (id10270 to id10309), which the development zip has not.
    """
    members = {}
    lines = []
    truth = {}
    for index, speaker in enumerate(("id10001", "id10002", "id11251")):
        for part, split in ((1, "train"), (2, "validation"), (3, "test")):
            name = f"{speaker}/Y{index}{part}-_video00/0000{part}.wav"
            samples = noise(10 * index + part)
            members[f"wav/{name}"] = wav(samples, 16000)
            lines.append(f"{part} {name}")
            truth[f"{speaker} {split}"] = Expected(samples, speaker, split, speaker)
    write_zip(folder / "vox_dev_wav.zip", members)
    lines.append("1 id10270/5r0dWxy17C8/00001.wav")
    (folder / "iden_split.txt").write_text("\n".join(lines) + "\n")
    return truth


def voxforge(folder: Path) -> dict[str, Expected]:
    """Write voxforge_urls.txt and one .tgz a submission.

    It holds SPEAKER-DATE-XYZ/{etc/PROMPTS, etc/README, wav/NAME.wav, LICENSE}.
    """
    lines = []
    truth = {}
    languages = ("de", "en", "es", "fr", "it", "ru")
    submissions = [(languages[index % 6], f"speaker{index}") for index in range(20)]
    # Once more, and whoever left no name.
    submissions += [("en", "speaker1"), ("en", "anonymous"), ("fr", "anonymous")]
    speakers = {speaker for _, speaker in submissions}
    split = speaker_splits(speakers, {"train": 0.7, "validation": 0.1, "test": 0.2})
    for index, (language, speaker) in enumerate(submissions):
        submission = f"{speaker}-200901{index + 1:02d}-ab{index}"
        members = {
            f"{submission}/LICENSE": b"GPL",
            f"{submission}/etc/PROMPTS": f"{submission}/mfc/a0001 TEXT\n".encode(),
            f"{submission}/etc/README": b"",
        }
        for number in (1, 2):
            samples = noise(100 + 10 * index + number)
            members[f"{submission}/wav/a000{number}.wav"] = wav(samples, 16000)
            truth[f"{submission} {number}"] = Expected(samples, language, split[speaker], speaker)
        parent = f"www.repository.voxforge1.org/downloads/{language}/Trunk/Audio/Main/16kHz_16bit"
        lines.append(f"{parent}/{submission}.tgz")
        write_tar_gz(folder / lines[-1], members)
    (folder / "voxforge_urls.txt").write_text("\n".join(lines) + "\n")
    return truth


def speech_commands(folder: Path) -> dict[str, Expected]:
    """Write the two tar.gz of v0.02, with members as ./WORD/SPEAKER_nohash_N.wav.

    The lists and _background_noise_ are in the first.
    """
    main = {"./README.md": b"", "./LICENSE": b""}
    test = dict(main)
    truth = {}
    lists: dict[str, list[str]] = {"validation": [], "test": []}
    for index, word in enumerate(("yes", "go", "bed", "marvin")):
        for part, split in enumerate(("train", "validation", "test")):
            name = f"{word}/{index}{part}abcdef_nohash_0.wav"
            samples = noise(1000 + 10 * index + part, 16000)
            main[f"./{name}"] = wav(samples, 16000)
            if split in lists:
                lists[split].append(name)
            label = word if word in ("yes", "go") else "_unknown_"
            # The test archive's own folders: the ten words, _unknown_ and _silence_.
            if split == "test":
                test[f"./{label}/{Path(name).name}"] = main[f"./{name}"]
            truth[f"{word} {split}"] = Expected(samples, label, split)
    for seed, name, split in ((1, "running_tap", "validation"), (2, "white_noise", "train")):
        samples = noise(2000 + seed, 48000)
        main[f"./_background_noise_/{name}.wav"] = wav(samples, 16000)
        # 1 s pieces, half overlapping; the one that would end with the file is left out.
        for start in (0, 8000, 16000, 24000):
            truth[f"{name} {start}"] = Expected(samples[start : start + 16000], "_silence_", split)
    main["./_background_noise_/README.md"] = b""
    silence = noise(2003, 16000)
    test["./_silence_/0.wav"] = wav(silence, 16000)
    truth["silence"] = Expected(silence, "_silence_", "test")
    main["./validation_list.txt"] = "".join(f"{name}\n" for name in lists["validation"]).encode()
    main["./testing_list.txt"] = "".join(f"{name}\n" for name in lists["test"]).encode()
    write_tar_gz(folder / "speech_commands_v0.02.tar.gz", main)
    write_tar_gz(folder / "speech_commands_test_set_v0.02.tar.gz", test)
    return truth


def crema_d(folder: Path) -> dict[str, Expected]:
    """Write a clone: AudioWAV/ACTOR_SENTENCE_EMOTION_LEVEL.wav and a table.

    processedResults/summaryTable.csv lists recordings that do not exist too.
    """
    (folder / "AudioWAV").mkdir(parents=True)
    (folder / "processedResults").mkdir()
    votes = '"VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"'
    lines = [f'"","FileName",{votes}']
    truth = {}
    actors = [str(actor) for actor in range(1001, 1021)]
    split = speaker_splits(set(actors), {"train": 0.7, "validation": 0.1, "test": 0.2})
    for index, actor in enumerate(actors):
        other = ("HAP", "SAD", "ANG", "FEA", "DIS")[index % 5]
        for emotion, level in (("NEU", "XX"), (other, "LO")):
            name = f"{actor}_IEO_{emotion}_{level}"
            samples = noise(3000 + len(truth))
            (folder / f"AudioWAV/{name}.wav").write_bytes(wav(samples, 16000))
            lines.append(f'"{len(lines)}","{name}","N","69.1","N","92.22","N","64.78"')
            truth[name] = Expected(samples, emotion, split[actor], actor)
    lines.append(f'"{len(lines)}","1040_ITH_SAD_XX","N","69.1","N","92.22","N","64.78"')
    (folder / "processedResults/summaryTable.csv").write_text("\n".join(lines) + "\n")
    return truth


def savee(folder: Path) -> dict[str, Expected]:
    """Write AudioData.zip: AudioData/{DC,JE,JK,KL}/{a,d,f,h,n,sa,su}NN.wav at 44.1 kHz.

    Beside them is AudioData/Info.txt. Each clip is a tone of its own height.
    """
    members = {"AudioData/Info.txt": b"Audio data"}
    truth = {}
    split = speaker_splits({"DC", "JE", "JK", "KL"}, {"train": 0.6, "validation": 0.2, "test": 0.2})
    for index, speaker in enumerate(("DC", "JE", "JK", "KL")):
        for letters, label in EMOTIONS.items():
            hertz = 200 + 100 * len(truth)
            name = f"AudioData/{speaker}/{letters}{index + 1:02d}.wav"
            members[name] = wav(tone(hertz, 44100), 44100)
            samples = tone(hertz, 16000)
            truth[f"{speaker} {letters}"] = Expected(samples, label, split[speaker], speaker)
    write_zip(folder / "AudioData.zip", members)
    return truth


def esc50(folder: Path) -> dict[str, Expected]:
    """Write ESC-50-master.zip: meta/esc50.csv and audio/FOLD-CLIP-TAKE-TARGET.wav at 44.1 kHz.

    Other categories are in it too.
    """
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    members = {"ESC-50-master/README.md": b""}
    truth = {}
    for fold in range(1, 6):
        for target, category in {0: "dog", **HUMAN_SOUNDS, 30: "door_wood_knock"}.items():
            source = 100000 + target
            name = f"{fold}-{source}-A-{target}.wav"
            hertz = 150 + 100 * len(truth)
            members[f"ESC-50-master/audio/{name}"] = wav(tone(hertz, 44100), 44100)
            is_esc10 = target in (0, 20, 21)
            lines.append(f"{name},{fold},{target},{category},{is_esc10},{source},A")
            if target in HUMAN_SOUNDS:
                truth[name] = Expected(tone(hertz, 16000), category, fold=str(fold))
    members["ESC-50-master/meta/esc50.csv"] = ("\n".join(lines) + "\n").encode()
    write_zip(folder / "ESC-50-master.zip", members)
    return truth


def compare_mask(folder: Path, hidden: bool = False) -> dict[str, Expected]:
    """Write lab/labels.csv and wav/{train,devel,test}_NNNNN.wav.

    `hidden` is how the challenge gave out the test labels.
    """
    (folder / "lab").mkdir(parents=True)
    (folder / "wav").mkdir()
    lines = ["file_name,label"]
    truth = {}
    for part, split in (("train", "train"), ("devel", "validation"), ("test", "test")):
        for number in range(1, 5):
            name = f"{part}_{number:05d}.wav"
            samples = noise(5000 + len(truth), 16000)
            label = ("clear", "mask")[number % 2]
            (folder / "wav" / name).write_bytes(wav(samples, 16000))
            listed = "?" if hidden and part == "test" else label
            lines.append(f"{name},{listed}")
            truth[name] = Expected(samples, label, split)
    (folder / "lab/labels.csv").write_text("\n".join(lines) + "\n")
    return truth


def checksum_line(url: str, path: Path) -> tuple[str, int, str]:
    """Return (url, bytes, sha256): what TFDS keeps of a download."""
    content = path.read_bytes()
    return url, len(content), hashlib.sha256(content).hexdigest()
