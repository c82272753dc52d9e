"""Small, fast, non-semantic speech embeddings. `Embedder` runs a finished model; the rest is the pipeline that makes one."""

from frill.embedder import Embedder

__all__ = ["Embedder"]
