# shellcheck shell=bash
# Part of launch/tpu.sh: the run on the workers. Their side of it is launch/worker.sh.
# shellcheck disable=SC2154,SC2034 # variables that are set or read in the other parts

back_off=${LAUNCH_BACK_OFF_SECONDS:-60} # before the first restart; doubles after short rounds
longest_back_off=$((back_off * 10))
short_round=${LAUNCH_SHORT_SECONDS:-600}
most_short_rounds=${LAUNCH_SHORT_ROUNDS:-12} # ten minutes apart at the end
readonly preempted=42                   # main.py's exit code for "start me again"
readonly stop_mark=bigbigan_run/stopped # tells that stop was asked for; start removes it
readonly remote=bigbigan_run/worker.sh  # a link to launch/worker.sh of the run's commit

# A new slice has no such link.
readonly outcome_command="if test -e $remote; then bash $remote outcome; \
else echo \"\$HOSTNAME: none\"; fi"
readonly stop_command="mkdir -p ${stop_mark%/*} && touch $stop_mark; \
if test -e $remote; then bash $remote stop; fi"

ending=''        # how the run ended: "ended CODE", "stopped CODE", "lost" or "gone STATE"
ran=''           # whether there was a run already; it is a restart then
create_failed='' # whether the slice could not even be asked for

arguments() {
  printf '%s\n' "--config=$config" "--workdir=$workdir" --distributed "${main_flags[@]}"
}

# Prints none, running, ended CODE, stopped CODE or lost, for worker 0.
ask_outcome() {
  local answer
  answer=$(on 0 "$outcome_command") || return
  echo "${answer##*: }"
}

# Starts the run on all workers, unless it is running.
ensure_run() {
  local outcome there
  outcome=$(ask_outcome) || return
  if [[ $outcome == running ]]; then
    there=$(on 0 "bash $remote command") || return
    [[ $there == "$(printf '%s\n' "bigbigan_jax-$commit" && arguments)" ]] ||
      die "another run is going on $name; end it with launch/tpu.sh stop, or choose another" \
        "--name. It is of:"$'\n'"$there"
    say "the run is going already; this is its log"
    return
  fi
  install_commit || return
  if [[ -n $ran && -n $(on_quietly all "! test -e $stop_mark || echo stopped") ]]; then
    ending="stopped $preempted"
    finish
  fi
  start_run
}

install_commit() {
  local folder=bigbigan_jax-$commit archive=$scratch/checkout.tar date
  date=$(git show --no-patch --format=%cI "$commit") || return
  if [[ -z $dry_run ]] && on_quietly all "test -e $folder/.installed"; then return; fi
  say "installing commit ${commit:0:12} on all workers; this takes minutes"
  if [[ -n $dry_run ]]; then
    archive=${TMPDIR:-/tmp}/$folder.tar
    print_command git archive "--output=$archive" "$commit"
  else
    git archive "--output=$archive" "$commit" || return
  fi
  cloud compute tpus tpu-vm scp "$archive" "$name:$folder.tar" --worker=all "${where[@]}" || {
    error "cannot copy the checkout to $(failed_workers)"
    return 1
  }
  on all "{ test -e $folder/.installed || { mkdir -p $folder && tar -xf $folder.tar -C $folder && \
bash $folder/launch/worker.sh install $date; }; } && rm -f $folder.tar" || {
    error "cannot install the checkout on $(failed_workers)"
    return 1
  }
}

start_run() {
  local words failed clear="rm -f $stop_mark && "
  [[ -z $ran ]] || clear=''
  mapfile -t words < <(arguments)
  say "starting main.py on all workers"
  on all "${clear}bash bigbigan_jax-$commit/launch/worker.sh start $(token) ${words[*]@Q}" && return
  failed=$(failed_workers)
  on_quietly all "bash bigbigan_jax-$commit/launch/worker.sh abort" || true
  error "main.py could not be started on $failed, and was ended on the others"
  return 1
}

# Prints worker 0's log until the run ends, over as many connections as it takes; sets `ending`.
follow_run() {
  local shown=0 bytes out_of_reach=0 log_breaks=0 state
  while :; do
    bytes=$(stream_log "$shown")
    shown=$((shown + bytes))
    ending=$(ask_outcome) || ending=unknown
    [[ -z $dry_run ]] || ending='ended 0'
    case $ending in
      running) out_of_reach=0 && say "the connection broke; the run goes on" ;;
      none) die "no run was started on $name" ;;
      unknown)
        if state=$(node_state); then
          [[ $state == READY ]] || { ending="gone $state" && return; }
          ((++out_of_reach < 10)) || lost_sight "worker 0 of $name cannot be reached"
        else
          lost_sight "the state of $name cannot be read"
        fi
        ;;
      *) # if the connection broke at the end of the log, once more for the rest of it
        [[ -e $scratch/log_broke ]] || break
        ((++log_breaks < 10)) || break
        ;;
    esac
    sleep "$poll"
  done
  [[ -z $supervise || $ending =~ ^(stopped|ended (0|2|42)$) ]] || look_for_loss
}

# A supervising start waits for the network to come back.
lost_sight() {
  [[ -n $supervise ]] || die "$1; the run may be going on"
  say "$1; trying again"
}

# Processes that lose another of them fail, and may do so before the cloud tells of the loss.
look_for_loss() {
  local look state workers
  for look in 1 2 3; do
    sleep "$poll"
    state=$(node_state) || state=UNKNOWN
    [[ $state == READY ]] || { ending="gone $state" && return; }
  done
  if ! workers=$(on_quietly all "$outcome_command") || [[ $workers == *": lost"* ]]; then
    ending=lost
  fi
}

# stream_log BYTES: passes the log from there on to our stdout, and prints how many bytes it was.
# Whoever reads that number waits for wc.
stream_log() {
  rm -f "$scratch/log_broke"
  { on 0 "if test -e $remote; then bash $remote follow $1 $(token); fi" ||
    touch "$scratch/log_broke"; } |
    tee >(wc -c) >&4
}

report_workers() {
  say "the run on each worker:"
  on all "$outcome_command" >&2 || true
}

# Ends with the exit code that belongs to `ending`.
finish() {
  case $ending in
    'ended 0') exit 0 ;;
    "ended $preempted") say "main.py saved and ended with $preempted; the same line goes on" ;;
    ended*) report_workers ;;
    stopped*) say "the run was stopped by launch/tpu.sh stop" ;;
    lost) die "a worker was restarted in the middle of the run; the same line goes on" ;;
    gone*) die "$name is ${ending#gone }; the same line creates it again and goes on" ;;
  esac
  exit "${ending##* }"
}

do_start() {
  local began delay=$back_off short=0
  trap 'say "no longer following; a run on $name goes on (logs, stop, delete)"; exit 130' INT
  while :; do
    began=$SECONDS
    if provide_node && ensure_run; then
      ran=1 patience=10
      follow_run
    else
      restartable || exit 1
      ending='gone UNREADY'
    fi
    case $ending in
      "ended $preempted" | lost | gone*) [[ -n $supervise ]] || finish ;;
      *) finish ;;
    esac
    if ((SECONDS - began >= short_round)); then
      short=0 delay=$back_off
    elif [[ $ending != gone* ]]; then # a shortage of slices may last
      ((++short <= most_short_rounds)) ||
        die "gave up: $most_short_rounds rounds in a row ended within $short_round s"
    fi
    say "round over ($ending); starting again in $delay s"
    sleep "$delay"
    delay=$((delay * 2 < longest_back_off ? delay * 2 : longest_back_off))
  done
}

# Whether a round that did not get to a run may be tried again. A slice that was never there is not
# asked for again: the reason is likely to be in the command line.
restartable() {
  local state
  [[ -n $supervise ]] || return
  [[ -z $ran ]] || return 0
  [[ -z $create_failed ]] && state=$(node_state) && [[ $state != READY ]]
}

require_ready() {
  local state
  assumed=READY
  state=$(node_state) || exit
  [[ $state == READY ]] || die "$name is $state; there is no run to reach"
}

do_logs() {
  require_ready
  follow_run
  finish
}

do_stop() {
  require_ready
  say "asking the run on $name to save and end"
  on all "$stop_command" || die "the run was not stopped on $(failed_workers)"
  report_workers
}

do_status() {
  local request state
  request=$(request_state) || exit
  [[ $request == ABSENT ]] || echo "queued request $name: $request"
  assumed=READY
  state=$(describe tpu-vm 'value(state)') || exit
  [[ -n $dry_run ]] || echo "$name: $state"
  [[ $state != READY ]] || on all "$outcome_command"
}

do_delete() {
  local state
  assumed=READY
  state=$(describe tpu-vm 'value(state)') || exit
  if [[ $state == READY ]]; then
    say "asking the run on $name to save and end"
    on_quietly all "$stop_command" || say "the run could not be stopped; it ends without saving"
    sleep "$poll" # for a supervising start to see that the run was stopped, not lost
  fi
  remove_node || die "$name was not deleted"
  say "$name is deleted"
}
