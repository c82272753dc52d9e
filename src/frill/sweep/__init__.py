"""Students' stages on a Ray cluster, each in a clone of the project; what they made reaches the workspace through DVC. docs/sweep.md"""
