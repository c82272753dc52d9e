# Makes the folder "$2" in the folder "$1", of which it prints the path without symbolic links.
mkdir -p "$1" && cd "$1" && pwd -P && mkdir "$2" && chmod 700 "$2"
