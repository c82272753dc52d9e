# Runs a command in the folder "$1" and writes what is seen of it, every "$5" seconds, to the file
# samples: each thread's line of /proc and the frequencies of the cores "$4". The command is bound
# to the cores of the mask "$3" and killed after "$2" seconds. Exits with its code.
#
# The command keeps its process id through both exec's, and is killed by that: `timeout` may kill
# its direct child alone. Samples are read by the shell itself: no process is started beside the
# one measured but sleep. A code appears whole, by mv.
#
# The inner shells expand what stands in single quotes; pid and code name a variable and a file.
# shellcheck disable=SC2016,SC2094
cd "$1" || exit 125
seconds=$2 mask=$3 cpus=$4 pause=$5
shift 5
rm -f code samples
: >pid
{
  timeout -s KILL "$seconds" sh -c 'run=$1; shift; sh -c "$run" frill "$@"; echo $? >code.new; mv code.new code' frill \
    'echo $$ >pid; exec taskset "$@"' "$mask" "$@"
  [ -e code ] || { read -r pid <pid && kill -KILL "$pid"; echo 137 >code.new; mv code.new code; } 2>/dev/null
} &
while [ ! -e code ] && [ -e pid ]; do
  sleep "$pause"
  read -r pid <pid && for stat in /proc/"$pid"/task/[0-9]*/stat; do
    read -r line <"$stat" && echo "task $line"
  done
  for cpu in $cpus; do
    for name in scaling_cur_freq scaling_max_freq; do
      read -r khz </sys/devices/system/cpu/cpu"$cpu"/cpufreq/$name && echo "$name $cpu $khz"
    done
  done
done >samples 2>/dev/null
read -r code <code && exit "$code"
exit 125
