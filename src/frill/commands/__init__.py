"""The commands of `frill`, a module each: add_arguments(parser) and run(...). frill.cli lists them."""
