"""Students' stages on a Ray cluster, each in a clone of the project (docs/sweep.md).

What they make reaches the workspace through DVC.
"""
