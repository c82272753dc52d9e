"""audio.tfds.NAME in params.yaml: a data set of TensorFlow Datasets.

crema_d: {use: task, dataset: crema_d, data_dir: none, manual_dir: none}

Imports pydantic alone, so that params.py can import it.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _word_none(value: Any) -> Any:
    if value is None or value == "":
        raise ValueError("write the folder's path or the word none")
    return None if value == "none" else value


NoneOrFolder = Annotated[Annotated[str, Field(strict=True)] | None, BeforeValidator(_word_none)]


class TfdsSet(BaseModel):
    """`dataset` is the builder's name in TFDS, or one of frill's own builders (esc50_human, compare_mask).

    `data_dir` is where TFDS keeps what it has prepared (none: its own default, $TFDS_DATA_DIR or ~/tensorflow_datasets); `manual_dir` holds the
    files that were obtained by hand (none: what can be downloaded is). corpora/tfds_sources.py says which files of which set.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    use: Literal["corpus", "task"]
    dataset: Literal["voxceleb", "voxforge", "speech_commands", "crema_d", "savee", "esc50_human", "compare_mask", "compare_mask/devel_as_test"]
    data_dir: NoneOrFolder = None
    manual_dir: NoneOrFolder = None
