# Kills all that works in sessions of the folder "$1", and deletes these.
# One ls for the links of all processes: a phone needs long to start a readlink for each.
# shellcheck disable=SC2010
cd "$1" 2>/dev/null || exit 0
here=$(pwd -P)
cd /
ls -l /proc/[0-9]*/cwd 2>/dev/null | grep -F -e "-> $here/frill-session-" | while read -r line; do
  pid=${line#*/proc/}
  kill -KILL "${pid%%/*}"
done
rm -rf "$here"/frill-session-*
