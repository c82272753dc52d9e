"""Validate params.yaml and everything it names; print files that will be skipped."""


def run() -> int:
    from frill.check import check
    from frill.params.load import load_params

    for line in check(load_params()):
        print(line)
    return 0
