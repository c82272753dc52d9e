"""The commands of `frill`, a module each, which frill.cli lists.

A module has run(...), and add_arguments(parser) if the command takes options.
"""
