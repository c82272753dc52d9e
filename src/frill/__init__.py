"""Small, fast, non-semantic speech embeddings.

`Embedder` runs a finished model, `Head` a classifier of your own sounds; `EmbeddingTransformer` is
an embedder for scikit-learn. The rest is the pipeline that makes a model.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frill.embed.embedder import Embedder
    from frill.embed.head import Head
    from frill.embed.transformer import EmbeddingTransformer

__all__ = ["Embedder", "EmbeddingTransformer", "Head"]
_MODULES = {
    "Embedder": "frill.embed.embedder",
    "EmbeddingTransformer": "frill.embed.transformer",
    "Head": "frill.embed.head",
}


def __getattr__(name: str) -> type:
    # At first use: `frill --help` needs no interpreter, an embedding no scikit-learn.
    if name not in _MODULES:
        raise AttributeError(f"module 'frill' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
