#!/usr/bin/env bash
# Trains on a Cloud TPU slice, from creating it to the end of the run; --help says how.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")

usage() {
  cat <<'END'
Trains on a Cloud TPU slice.

  launch/tpu.sh start --name=NAME --project=P --zone=Z --type=TYPE --config=FILE \
      --workdir=gs://BUCKET/FOLDER [flags] [-- further flags of main.py]
  launch/tpu.sh status|logs|stop|delete --name=NAME --project=P --zone=Z

start   creates the slice NAME, or takes it if it is there; installs this checkout's commit on all
        of its workers; starts main.py on them; prints worker 0's log until the run ends. Run the
        same line again to go on, or to follow a run that is still going.
status  prints the state of the slice, and of the run on each worker.
logs    prints worker 0's log until the run ends.
stop    asks the run to save and end, and waits for that; a supervising start does not start it
        again. The slice stays and costs.
delete  stops the run, then deletes the slice and its queued request. End a supervising start with
        Ctrl-C first: it would create the slice again.

Flags of start:
  --type=TYPE        v2-8, v3-128, v4-128, v5litepod-16 (v5e), v5p-64, v6e-64 and the like
  --config=FILE      file of the commit, such as configs/resnet50.py
  --workdir=gs://…   folder for checkpoints and logs, that all workers reach
  --shared-workdir   --workdir is a mounted folder that all workers share and that outlives them
  --spot             cheaper, may be taken away at any time
  --queued           wait in Google's queue for the slice; goes with --spot
  --supervise        when the slice is taken away or main.py ends with 42, create it again and go on
  --commit=COMMIT    what to install (default: HEAD, and then nothing may be modified)
  --version=RUNTIME  the image of the workers (default: what Google names for the type)
  --network=NETWORK, --subnetwork=SUBNETWORK
  --wait=MINUTES     how long to wait for the slice (default: 60; with --queued 1440)
Flag of all:
  --dry-run          print the gcloud commands, for a slice that is not there yet; run none

The log goes to stdout, everything else to stderr. Exit codes: that of main.py on worker 0; 2 for a
mistake in the command line; 1 for all else.
END
}

say() { printf 'launch/tpu.sh%s: %s\n' "${dry_run:+ (dry run)}" "$*" >&2; }

error() { printf 'error: %s\n' "$*" >&2; }

die() {
  error "$@"
  exit 1
}

die_usage() {
  error "$@"
  exit 2
}

# shellcheck source=tpu_node.sh
source "$here/tpu_node.sh"
# shellcheck source=tpu_run.sh
source "$here/tpu_run.sh"

command='' dry_run=''
name='' project='' zone='' type='' version='' network='' subnetwork=''
spot='' queued='' supervise='' shared_workdir=''
config='' workdir='' commit='' wait_minutes=''
main_flags=()

readonly common_flags='--name= --project= --zone= --dry-run'
readonly start_flags="$common_flags --type= --config= --workdir= --shared-workdir --spot --queued \
--supervise --commit= --version= --network= --subnetwork= --wait="

parse_flags() {
  local known=$common_flags argument flag
  [[ $command != start ]] || known=$start_flags
  while (($#)); do
    argument=$1
    shift
    if [[ $argument == -- ]]; then
      main_flags=("$@")
      break
    fi
    flag=${argument%%=*}
    [[ $argument != *=* ]] || flag+='='
    [[ " $known " == *" $flag "* ]] || die_unknown "$argument" "$flag" "$known"
    [[ $argument != "$flag" || $flag != *= ]] || die_usage "$argument has no value"
    set_flag "${flag%=}" "${argument#*=}"
  done
}

die_unknown() {
  local argument=$1 flag=$2 known=" $3 "
  [[ $known != *" $flag= "* ]] || die_usage "$flag wants a value, as in $flag=VALUE"
  [[ $known != *" ${flag%=} "* ]] || die_usage "${flag%=} takes no value"
  [[ $flag != --config.* ]] || die_usage "$argument is a flag of main.py; write it after --"
  die_usage "unknown flag $argument; launch/tpu.sh $command has:$known"
}

set_flag() {
  local value=$2
  case $1 in
    --name) name=$value ;;
    --project) project=$value ;;
    --zone) zone=$value ;;
    --dry-run) dry_run=1 ;;
    --type) type=$value ;;
    --config) config=$value ;;
    --workdir) workdir=$value ;;
    --shared-workdir) shared_workdir=1 ;;
    --spot) spot=1 ;;
    --queued) queued=1 ;;
    --supervise) supervise=1 ;;
    --commit) commit=$value ;;
    --version) version=$value ;;
    --network) network=$value ;;
    --subnetwork) subnetwork=$value ;;
    --wait) wait_minutes=$value ;;
  esac
}

require() {
  local flag variable
  for flag in "$@"; do
    variable=${flag#--}
    [[ -n ${!variable} ]] || die_usage "$flag is missing; launch/tpu.sh --help shows the whole line"
  done
}

check_common() {
  require --name --project --zone
  [[ $name =~ ^[a-z]([-a-z0-9]*[a-z0-9])?$ ]] ||
    die_usage "--name=$name: lower-case letters, digits and hyphens, and a letter first"
  [[ $command == start || ${#main_flags[@]} -eq 0 ]] || die_usage "only start takes flags after --"
  [[ -n $dry_run ]] || command -v gcloud >/dev/null ||
    die "gcloud is not installed; see https://cloud.google.com/sdk/docs/install"
}

check_start() {
  require --type --config --workdir
  choose_version
  check_workdir
  [[ -n $wait_minutes ]] || wait_minutes=$([[ -n $queued ]] && echo 1440 || echo 60)
  [[ $wait_minutes =~ ^[0-9]+$ ]] ||
    die_usage "--wait=$wait_minutes: minutes, as a whole number"
  check_main_flags
  check_commit
}

check_workdir() {
  [[ ! $workdir =~ ^gs://[^/]+/.+ ]] || return 0
  [[ $workdir != gs://* ]] || die_usage "--workdir=$workdir: names no folder; gs://BUCKET/FOLDER"
  [[ -n $shared_workdir ]] || die_usage "--workdir=$workdir: the workers do not share this" \
    "folder, and it goes when they go; use gs://BUCKET/FOLDER, or add --shared-workdir if it is" \
    "a mount (NFS, Filestore, GCS FUSE) that all of them have"
  [[ $workdir == /* ]] || die_usage "--workdir=$workdir: with --shared-workdir a path from / on"
}

check_main_flags() {
  local flag
  for flag in "${main_flags[@]}"; do
    case $flag in
      --config=* | --workdir=*) die_usage "$flag belongs before --" ;;
      --distributed* | --nodistributed* | --coordinator* | --process*)
        die_usage "$flag: launch/tpu.sh itself tells the workers how to find each other"
        ;;
      --?*) ;;
      *) die_usage "$flag: after -- come flags of main.py, as --name=value" ;;
    esac
  done
}

check_commit() {
  local modified given=$commit
  cd "$root"
  [[ -e .git ]] || die "$root is not a git checkout; what is installed is one of its commits"
  commit=$(git rev-parse --verify --quiet "${given:-HEAD}^{commit}") ||
    die_usage "--commit=$given: there is no such commit here"
  if [[ -z $given ]]; then
    modified=$(git status --porcelain --untracked-files=no)
    [[ -z $modified ]] || die "what is installed is the commit, without these changes; commit" \
      "them first, or name a commit with --commit=COMMIT:"$'\n'"$modified"
  fi
  local file
  for file in "${config%%:*}" main.py launch/worker.sh; do
    git cat-file -e "$commit:$file" 2>/dev/null ||
      die_usage "commit ${commit:0:12} has no file $file (--config is relative to the checkout)"
  done
}

main() {
  ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || die "bash 4.4 or newer is needed"
  command=${1:-}
  case $command in
    --help | -h | help) usage && exit ;;
    start | status | logs | stop | delete) shift ;;
    '') die_usage "what to do? start, status, logs, stop or delete; --help explains" ;;
    *) die_usage "unknown command $command; there are start, status, logs, stop, delete, --help" ;;
  esac
  [[ " $* " != *" --help "* ]] || { usage && exit; }
  parse_flags "$@"
  check_common
  [[ $command != start ]] || check_start
  prepare_scratch
  "do_$command"
}

main "$@"
