# shellcheck shell=bash
# Part of launch/tpu.sh: the slice and its workers, by way of gcloud.
# shellcheck disable=SC2154,SC2034 # variables that are set or read in the other parts

poll=${LAUNCH_POLL_SECONDS:-20} # between two looks at something that takes its time
patience=0                      # how often a state that cannot be read is asked for again
scratch=''                      # a folder of our own
where=()                        # flags that every command has
assumed=ABSENT                  # the state of the slice, in a dry run

readonly kinds='v2-N, v3-N, v4-N, v5litepod-N (v5e), v5p-N or v6e-N, such as v3-128'

prepare_scratch() {
  where=("--project=$project" "--zone=$zone" --quiet)
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  # A dry run's plan must not end up where the output of a command is read.
  exec 4>&1
}

# What https://cloud.google.com/tpu/docs/runtimes names for JAX.
choose_version() {
  local default
  case $type in
    v2-* | v3-* | v4-*) default=tpu-ubuntu2204-base ;;
    v5litepod-*) default=v2-alpha-tpuv5-lite ;;
    v5p-*) default=v2-alpha-tpuv5 ;;
    v6e-*) default=v2-alpha-tpuv6e ;;
    v5e-*) die_usage "--type=$type: v5e is called v5litepod-${type#*-}" ;;
    *) die_usage "--type=$type: not a type of Cloud TPU VM; there are $kinds" ;;
  esac
  [[ ${type#*-} =~ ^[1-9][0-9]*$ ]] || die_usage "--type=$type: N is a number; $kinds"
  version=${version:-$default}
}

# Prints a command as one would type it.
print_command() {
  local word line=''
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]] || word=${word@Q}
    line+="$word "
  done
  printf '%s\n' "${line% }" >&4
}

# Runs gcloud, or prints the command; what it says on stderr stays in the scratch folder.
quiet_gcloud() {
  if [[ -n $dry_run ]]; then
    print_command gcloud "$@"
  else
    gcloud "$@" 2>"$scratch/stderr" </dev/null
  fi
}

# The same, with what it said on stderr if it fails.
cloud() {
  local code=0
  quiet_gcloud "$@" || code=$?
  ((code == 0)) || cat "$scratch/stderr" >&2
  return "$code"
}

# tpus GROUP VERB FLAG...: a command about the slice NAME or its queued request NAME.
tpus() {
  cloud compute tpus "$1" "$2" "$name" "${@:3}" "${where[@]}"
}

# on WORKER COMMAND: runs a command there; WORKER may be "all".
on() { run_on cloud "$@"; }

on_quietly() { run_on quiet_gcloud "$@"; }

# ssh notices within two minutes that a worker is gone: it would wait for ever by default.
run_on() {
  "$1" compute tpus tpu-vm ssh "$name" "--worker=$2" "--command=$3" \
    --ssh-flag=-oServerAliveInterval=30 "${where[@]}"
}

# A word that no other command has had. gcloud repeats a command whose connection broke, and the
# first one may be still running: by its token the worker knows the repetition.
token() { echo "$(date +%s)-$$-$RANDOM"; }

# The workers that gcloud names in its complaints about the command before.
failed_workers() {
  local numbers
  numbers=$(sed -nE 's/.*on worker ([0-9]+) failed.*/\1/p' "$scratch/stderr" |
    sort -nu | paste -sd, -)
  echo "${numbers:+worker }${numbers:-a worker (see above)}"
}

# describe GROUP FORMAT: a field of the slice or its request, ABSENT if there is none.
describe() {
  local field
  if field=$(quiet_gcloud compute tpus "$1" describe "$name" "--format=$2" "${where[@]}"); then
    [[ -z $dry_run ]] || field=$assumed
    echo "${field:-UNKNOWN}"
  elif grep -qE 'NOT_FOUND|was not found' "$scratch/stderr"; then
    echo ABSENT
  else
    cat "$scratch/stderr" >&2
    return 1
  fi
}

request_state() { describe queued-resources 'value(state.state)'; }

# The state of the slice; while a queued request has not got it, that of the request.
state_now() {
  local request=ABSENT state
  if [[ -n $queued ]]; then
    request=$(request_state) || return
    case $request in
      ABSENT | ACTIVE | READY) ;;
      *) echo "$request" && return ;;
    esac
  fi
  state=$(describe tpu-vm 'value(state)') || return
  # A request that was granted has a slice, or will have: another must not be made.
  [[ $request != ACTIVE || $state != ABSENT ]] || state=PROVISIONING
  echo "$state"
}

node_state() {
  local attempt
  for ((attempt = 0; ; attempt++)); do
    state_now && return
    ((attempt < patience)) || return 1
    say "cannot read the state of $name; trying again"
    sleep "$poll"
  done
}

create_node() {
  local flags=("--accelerator-type=$type")
  [[ -z $spot ]] || flags+=(--spot)
  [[ -z $network ]] || flags+=("--network=$network")
  [[ -z $subnetwork ]] || flags+=("--subnetwork=$subnetwork")
  say "creating $name ($type, $version${spot:+, spot}${queued:+, queued})"
  if [[ -n $queued ]]; then
    tpus queued-resources create "--node-id=$name" "--runtime-version=$version" "${flags[@]}"
  else
    tpus tpu-vm create "--version=$version" "${flags[@]}"
  fi
}

# Deletes the request and the slice, whichever there are.
remove_node() {
  local request state
  request=$(request_state) || return
  if [[ $request != ABSENT && -z $dry_run ]]; then
    say "deleting the queued request $name and its slice"
    tpus queued-resources delete --force || return
  fi
  state=$(describe tpu-vm 'value(state)') || return
  if [[ $state != ABSENT || -n $dry_run ]]; then
    say "deleting $name"
    tpus tpu-vm delete || return
  fi
}

check_existing() {
  local there
  there=$(describe tpu-vm 'value(acceleratorType.basename())') || return
  [[ $there == "$type" || $there == UNKNOWN || -n $dry_run ]] ||
    die "$name is there already and is a $there, not a $type; choose another --name, or delete it"
}

# Returns when the slice is ready; fails, after saying why, if it will not be.
provide_node() {
  local state last='' created='' end=$((SECONDS + wait_minutes * 60))
  create_failed=''
  while :; do
    state=$(node_state) || return
    [[ $state == "$last" ]] || say "$name is $state"
    last=$state
    case $state in
      READY)
        [[ -n $created ]] || check_existing
        return
        ;;
      ABSENT)
        [[ -z $created ]] || { error "$name vanished while it was waited for" && return 1; }
        create_node || { create_failed=1 && error "cannot create $name" && return 1; }
        created=1 assumed=READY
        continue
        ;;
      PREEMPTED | TERMINATED | SUSPENDED | FAILED)
        [[ -z $created ]] || { refuse "$state" && return 1; }
        remove_node || return
        continue
        ;;
      STOPPED | HIDDEN) die "$name is $state; start it with gcloud, or delete it" ;;
    esac
    ((SECONDS < end)) || die "$name is still $state after $wait_minutes minutes (--wait); what" \
      "was asked for stays: the same line waits on, launch/tpu.sh delete gives up"
    sleep "$poll"
  done
}

refuse() {
  local reason
  case $1 in
    FAILED)
      reason=$(describe queued-resources 'value(state.failedData.error.message)') || true
      error "the queued request $name FAILED: $reason; launch/tpu.sh delete removes it"
      ;;
    *) error "$name was taken away ($1) before it could be used; the same line tries again" ;;
  esac
}
