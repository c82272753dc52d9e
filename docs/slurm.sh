#!/bin/bash
# One run of frill on the nodes of one SLURM job: a Ray cluster for as long as the job lasts.
#   sbatch docs/slurm.sh                      frill repro, from the project's folder
#   sbatch docs/slurm.sh --preset paper       the same with options
# Options of sbatch override these lines. docs/slurm.md says what has to be shared.
#SBATCH --job-name=frill
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --gpus-per-node=4
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --output=logs/slurm-%j.log
set -euo pipefail

export PATH="$PWD/.venv/bin:$PATH"
export RAY_AUTH_MODE=token
# The first of the node's addresses: where it is in several networks, take the one that joins the nodes.
address="$(hostname -I | awk '{print $1}'):$((20000 + SLURM_JOB_ID % 10000))"
# What each node runs. Ray would count all cores that the node has, not those of this job; and it gives a node half
# a minute to start, which the first look at a .venv on a network file system may exceed.
# shellcheck disable=SC2016  # each node's own variables
join='
trap "kill \$! 2> /dev/null; exit" TERM
for try in 1 2 3; do
    ray start --block --num-cpus="$SLURM_CPUS_ON_NODE" "$@" &
    wait $! && exit
    echo "$(hostname): Ray did not start (try $try of 3)"
done
exit 1'

[ -s ~/.ray/auth_token ] || ray get-auth-token --generate > /dev/null
# Ray ends with this script, however that ends.
trap 'kill $(jobs -p) 2> /dev/null || true' EXIT
bash -c "$join" ray --head --node-ip-address="${address%:*}" --port="${address#*:}" \
    > "logs/ray-$SLURM_JOB_ID.log" 2>&1 &
others=$((SLURM_JOB_NUM_NODES - 1))
if ((others > 0)); then
    srun --nodes="$others" --ntasks="$others" --exclude="$SLURMD_NODENAME" \
        bash -c "$join" ray --address="$address" >> "logs/ray-$SLURM_JOB_ID.log" 2>&1 &
fi

python - "$address" "$SLURM_JOB_NUM_NODES" <<'EOF'
import sys, time
import ray

address, nodes = sys.argv[1], int(sys.argv[2])
end = time.monotonic() + 300
while True:
    try:
        ray.init(address, log_to_driver=False, logging_level="ERROR")
        alive = sum(node["Alive"] for node in ray.nodes())
        ray.shutdown()
    except ConnectionError:
        alive = 0
    if alive >= nodes:
        break
    if time.monotonic() > end:
        sys.exit(f"{alive} of {nodes} nodes are there after 5 minutes; logs/ray-*.log say why")
    time.sleep(2)
EOF

# Two minutes before the job's end SLURM sends TERM: what is finished stays, the next job goes on.
frill repro --address "$address" "$@" &
run=$!
trap 'kill -TERM "$run"' TERM
code=0
wait "$run" || code=$?
if ((code == 143)); then # it was the wait that TERM ended
    code=0
    wait "$run" || code=$?
fi
exit "$code"
