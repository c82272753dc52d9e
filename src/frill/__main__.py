"""`python -m frill`: the same as the command `frill`."""

from frill.cli import main

main()
