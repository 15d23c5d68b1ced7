#!/usr/bin/env bash
# One worker's side of launch/tpu.sh: installs the checkout it lies in, and keeps one run of main.py
# in ~/bigbigan_run, apart from the ssh connection that started it.
#
#   install DATE             makes .venv in the checkout, of packages as they were at that date
#   start TOKEN ARGUMENT...  runs main.py with these arguments in the background
#   follow BYTES TOKEN       prints the log from there on, until the run ends
#   outcome                  prints one line: none, running, ended CODE, stopped CODE or lost
#   command                  prints commit and arguments of the run
#   stop                     asks the run to save and end, and waits for that
#   abort                    ends what is left of a run, if need be without saving
#
# A command may be repeated while it still runs, when its connection broke: what must be done once
# has a TOKEN, or a lock. launch/tpu.sh makes the file `stopped` before it calls stop.
set -euo pipefail

checkout=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
run=$HOME/bigbigan_run
python_version=3.12                           # the newest jax asks for it
grace=${LAUNCH_STOP_SECONDS:-600}             # for saving a checkpoint
abort_grace=${LAUNCH_ABORT_SECONDS:-30}

die() {
  printf 'error: %s: %s\n' "$HOSTNAME" "$*" >&2
  exit 1
}

install() {
  cd "$checkout"
  exec 8>.installing
  flock 8
  [[ ! -e .installed ]] || return 0
  # The images' own Python may be older than this project allows; uv brings one that is not.
  local uv=$HOME/.local/bin/uv
  [[ -x $uv ]] || PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --quiet --user uv ||
    die "cannot install uv with pip (is python3-pip there, and the internet?)"
  rm -rf .venv
  "$uv" venv --quiet --python "$python_version" .venv || die "cannot make .venv with uv"
  "$uv" pip install --quiet --python .venv/bin/python --exclude-newer "$1" -e '.[tpu]' ||
    die "cannot install the packages of $1 with uv"
  touch .installed
}

# The lock is held by the process that keeps the run: unlike its number it cannot be another's.
# Asking takes a shared one for a moment.
is_running() {
  [[ -e $run/lock ]] && ! flock --shared --nonblock "$run/lock" true
}

start() {
  local token=$1
  shift
  mkdir -p "$run"
  exec 8>"$run/starting"
  flock 8
  [[ ! -e $run/token || $(<"$run/token") != "$token" ]] || return 0
  abort
  exec 9>"$run/lock"
  flock --timeout 5 9 || die "$run/lock is held by another process"
  [[ ! -e $run/stopped ]] || die "the run was stopped"
  [[ -x $checkout/.venv/bin/python ]] || die "$checkout is not installed"
  rm -rf "$run/exit" "$run/main.pid" "$run"/follow-*
  ln -sfn "$checkout/launch/worker.sh" "$run/worker.sh"
  describe "$@" >"$run/command"
  : >"$run/log"
  setsid nohup bash "$checkout/launch/worker.sh" keep "$@" </dev/null >>"$run/log" 2>&1 8>&- &
  printf '%s\n' "$!" >"$run/keeper.pid"
  printf '%s\n' "$token" >"$run/token"
}

# Runs main.py and notes how it ended. Descriptor 9 is the lock, taken by start.
keep() {
  local code=0
  # A shutdown signals every process: this one must outlive main.py to note its exit code. It
  # ignores the signal, as bash may lose the code of what ends while a trap interrupts its waiting.
  trap '' TERM
  cd "$checkout"
  (
    trap - TERM
    printf '%s\n' "$BASHPID" >"$run/main.pid"
    exec .venv/bin/python main.py "$@" 9>&-
  ) || code=$?
  printf '%s\n' "$code" >"$run/exit.part"
  mv "$run/exit.part" "$run/exit"
}

# One line for the commit and one for each argument; launch/tpu.sh compares them with its own.
describe() {
  printf '%s\n' "$(basename "$checkout")" "$@"
}

follow() {
  local keeper
  [[ -e $run/log ]] || die "no run was started here"
  mkdir "$run/follow-$2" 2>/dev/null || return 0 # launch/tpu.sh asks again, from where it is
  keeper=$(<"$run/keeper.pid")
  if is_running; then
    tail --bytes="+$(($1 + 1))" --follow=name --sleep-interval=0.5 --pid="$keeper" "$run/log"
  else
    tail --bytes="+$(($1 + 1))" "$run/log"
  fi
}

outcome() {
  local ending=ended
  [[ ! -e $run/stopped || $run/stopped -nt $run/exit ]] || ending=stopped
  if [[ ! -e $run/lock ]]; then
    echo none
  elif is_running; then
    echo running
  elif [[ -e $run/exit ]]; then
    echo "$ending $(<"$run/exit")"
  else
    echo lost # the worker was restarted
  fi
}

# Waits until the run has ended; fails after so many seconds.
wait_for_end() {
  local end=$((SECONDS + $1))
  while is_running; do
    ((SECONDS < end)) || return 1
    sleep 0.2
  done
}

# Sends main.py a signal, once it is there; it may end by itself meanwhile.
signal_main() {
  while is_running && [[ ! -s $run/main.pid ]]; do sleep 0.1; done
  [[ ! -s $run/main.pid ]] || kill "-$1" "$(<"$run/main.pid")" 2>/dev/null || true
}

stop() {
  is_running || return 0
  signal_main TERM
  wait_for_end "$grace" ||
    die "the run has not ended $grace s after SIGTERM; launch/tpu.sh delete ends it by force"
}

abort() {
  is_running || return 0
  signal_main TERM
  wait_for_end "$abort_grace" && return
  signal_main KILL
  wait_for_end "$abort_grace" || die "a process of the run before cannot be ended"
}

main() {
  local command=$1
  shift
  case $command in
    install | start | keep | follow | stop | abort) "$command" "$@" ;;
    outcome) printf '%s: %s\n' "$HOSTNAME" "$(outcome)" ;;
    command) cat "$run/command" ;;
    *) die "unknown command $command" ;;
  esac
}

main "$@"
