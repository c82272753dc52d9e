"""The latency/quality frontier, the selection, and what each choice costs."""
