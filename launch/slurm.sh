#!/usr/bin/env bash
# Trains on the GPUs of a Slurm cluster, over as many jobs as it takes. From the checkout's folder,
# in the environment that has the packages:
#
#   sbatch --nodes=4 --time=24:00:00 launch/slurm.sh --config=FILE --workdir=SHARED_FOLDER [flags]
#
# Flags of sbatch before the script win over those below. One process a GPU, as --distributed
# wants it on Slurm: --ntasks-per-node must be the number of GPUs of a node.
#
# Some minutes before the time limit Slurm sends main.py SIGTERM; it saves, ends with 42, and the
# job is queued again under the same number. scancel ends it for good.
#
#SBATCH --job-name=bigbigan
#SBATCH --gpus-per-node=8
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --signal=TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -euo pipefail

readonly preempted=42                         # main.py's exit code for "start me again"
readonly short_round=${LAUNCH_SHORT_SECONDS:-60}
interrupted='' signalled='' step=''

say() { printf 'launch/slurm.sh: %s\n' "$*" >&2; }

die_usage() {
  printf 'error: %s\n' "$*" >&2
  exit 2
}

check() {
  local flag
  [[ -n ${SLURM_JOB_ID:-} ]] || die_usage "this is a job; sbatch --nodes=N launch/slurm.sh FLAGS"
  for flag in --config --workdir; do
    [[ " $* " == *" $flag="* ]] || die_usage "$flag is missing; sbatch launch/slurm.sh $flag=…"
  done
  # Slurm runs a copy of this script from elsewhere.
  [[ -e $SLURM_SUBMIT_DIR/main.py ]] ||
    die_usage "$SLURM_SUBMIT_DIR has no main.py; call sbatch in the checkout's folder"
  [[ ${SLURM_GPUS_ON_NODE:-none} == "${SLURM_NTASKS_PER_NODE:-none}" ]] ||
    die_usage "${SLURM_GPUS_ON_NODE:-no} GPUs and ${SLURM_NTASKS_PER_NODE:-no} processes a node;" \
      "give sbatch --gpus-per-node and --ntasks-per-node the same number"
}

# Slurm's warning before the time limit goes to main.py alone; what this shell gets is scancel.
# shellcheck disable=SC2329 # called by the trap
interrupt() {
  interrupted=1 signalled=1
  [[ -z $step ]] || kill -TERM "$step" 2>/dev/null || true
}

# Runs main.py on all GPUs and returns its exit code, the highest if they differ.
run_main() {
  local code=0 flags=(--kill-on-bad-exit=0 --wait=600) # the others may still be saving
  # JAX picks the GPU with the task's number on the node, so each task has to see all of them.
  flags+=(--gpu-bind=none)
  # srun does not take this over from sbatch.
  [[ -z ${SLURM_CPUS_PER_TASK:-} ]] || flags+=("--cpus-per-task=$SLURM_CPUS_PER_TASK")
  trap interrupt TERM
  srun "${flags[@]}" "${PYTHON:-python}" main.py "$@" --distributed &
  step=$!
  [[ -z $interrupted ]] || interrupt # it came too early to be passed on
  while :; do
    signalled=''
    code=0
    wait "$step" || code=$?
    [[ -n $signalled ]] || return "$code" # else the trap ended the waiting, not the run
  done
}

queue_again() {
  if [[ -n $interrupted ]]; then
    say "saved and cancelled; the same sbatch line goes on"
  elif ((SECONDS < short_round)); then
    say "asked to end after $SECONDS s, so not queued again; is --time longer than --signal's lead?"
  else
    say "saved; queueing job $SLURM_JOB_ID again"
    scontrol requeue "$SLURM_JOB_ID" || say "it could not be; the same sbatch line goes on"
  fi
}

main() {
  local code=0
  check "$@"
  cd "$SLURM_SUBMIT_DIR"
  run_main "$@" || code=$?
  ((code != preempted)) || queue_again
  exit "$code"
}

main "$@"
