"""params.yaml: its types (schema), and how it is read (load)."""
