# Runs the command "$@" and writes its exit code at the end of stderr (connection.py reads it).
# The exit code of Android's `timeout` cannot be trusted: some versions give 127 for a command that
# ended at once, others 124 for one that crashed.
"$@"; echo "frill-code $?" >&2
