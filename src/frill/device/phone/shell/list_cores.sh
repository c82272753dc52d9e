# Prints every core below the folder "$1", and its highest frequency and present cap where told.
cd "$1" && for cpu in cpu[0-9]*; do
  echo "$cpu"
  for name in cpuinfo_max_freq scaling_max_freq; do
    read -r khz 2>/dev/null <"$cpu/cpufreq/$name" && echo "$cpu $name $khz"
  done
done 2>/dev/null
true
