"""A head: a linear classifier on a model's embeddings, shipped in one file with them."""
