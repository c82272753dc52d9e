"""A finished model: embeddings of samples, files and streams."""
