# shellcheck shell=bash
# The vocabulary of the tests (tests.d/*.sh). A test is a function test_NAME that runs in a subshell: returning 0 passes
# it; `fail`, or any other status, fails it; `skip` skips it. Functions named c_NAME run inside containers.
SUITE=/run/vm/suite
OUT=/run/vm/out
MNT=/share                    # where tests mount
CONTAINERS=/run/vm/containers # a file NAME for each running container: pid of its process 1, pid of its maker

fail() { echo "$*"; exit 1; }
skip() { echo "$*"; exit 77; }

uptime_seconds() { local up; read -r up _ </proc/uptime; echo "$up"; }
seconds_since() { awk -v a="$1" -v b="$(uptime_seconds)" 'BEGIN { printf "%.1f", b - a }'; }

# --- users and tickets ----------------------------------------------------------------------------

# as UID COMMAND...: as a numeric uid and gid. Not setpriv or su: they would ask NSS.
as() { local uid=$1; shift; chroot --userspec="+$uid:+$uid" --groups= / "$@"; }

# give UID USER CCACHE: puts USER's ticket into CCACHE, owned by UID. Files are copies of tickets obtained before.
give() {
  local file
  case $3 in
    FILE:*)
      file=${3#FILE:}
      install -m 600 -o "$1" -g "$1" "/var/lib/samba/tickets/$2" "$file"
      ;;
    *) echo "pw-$2-1" | as "$1" kinit -c "$3" "$2" >/dev/null ;;
  esac || fail "cannot give uid $1 a ticket of $2 in $3"
}
default_ccache() { echo "FILE:/tmp/krb5cc_$1"; }

# use_default_ccache NAME: default_ccache_name in krb5.conf, until the test ends.
use_default_ccache() { sed -i "/libdefaults/a\\ default_ccache_name = $1" /etc/krb5.conf; }

need_persistent_keyrings() {
  as $U2 keyctl get_persistent @u >/dev/null 2>&1 || skip "this kernel has no persistent keyrings"
}

# need_upcall_target TARGET
need_upcall_target() {
  # an old kernel refuses the option, or ignores it
  if try_mount "upcall_target=$1,cruid=$U1" >/dev/null; then
    unmount
    wait_for 20 unmounted
  fi
  grep -q "upcall_target=$1" "$(record_file)" 2>/dev/null || skip "this kernel has no upcall_target"
}

# --- mounts and files -----------------------------------------------------------------------------

# try_mount OPTIONS [//SERVER/SHARE [FOLDER]]: //dc1/data on $MNT where nothing else is said.
try_mount() {
  mkdir -p "${3:-$MNT}"
  timeout 120 mount.cifs "${2:-//$SERVER/data}" "${3:-$MNT}" -o "sec=krb5,$1" 2>&1
}
mount_share() { try_mount "$@" || fail "mount failed: $*"; }
unmount() { umount "${1:-$MNT}" 2>/dev/null || umount -l "${1:-$MNT}"; }

# owner_of FILE [FOLDER]: the name of the user who owns it *on the server*; "nobody" where it does not exist.
owner_of() {
  local uid
  uid=$(stat -c %u "${2:-/srv/data}/$1" 2>/dev/null) || { echo nobody; return; }
  case $((uid - SERVER_UID_OFFSET)) in
    "$U1") echo labu1 ;;
    "$U2") echo labu2 ;;
    *)
      local number=$((uid - SERVER_UID_OFFSET - CROWD_FIRST + 1))
      if [ $number -ge 1 ] && [ $number -le $CROWD_SIZE ]; then crowd_name $number; else echo "uid-$uid"; fi
      ;;
  esac
}
# expect_owner FILE USER [FOLDER]
expect_owner() {
  local owner
  owner=$(owner_of "$1" "${3:-}")
  [ "$owner" = "$2" ] || fail "$1 belongs to $owner on the server, not to $2"
}
expect_absent() { [ ! -e "/srv/data/$1" ] || fail "$1 was created, by $(owner_of "$1")"; }
# file_has FILE PATTERN: whether the file's text matches, without a process
file_has() {
  local text
  IFS= read -r -d '' text <"$1"
  # shellcheck disable=SC2053 # a pattern is wanted
  [[ $text == $2 ]]
}
unmounted() { ! file_has /proc/mounts '* cifs *' && ! file_has /proc/fs/cifs/DebugData '*) ConnectionId*'; }

# --- upcalls --------------------------------------------------------------------------------------

record_file() { local test; read -r test </run/vm/test; echo "$OUT/upcalls-$test.txt"; }
# upcalls [KIND]: how many there were (spnego, idmap, dns_resolver)
upcalls() { grep -c "^=== ${1:-spnego} " "$(record_file)" 2>/dev/null; }
# worker_upcalls [REGEX]: spnego requests that a kernel worker made, whose description matches
worker_upcalls() { worker_blocks "${1:-.}" | grep -c '^rdescribe: cifs.spnego'; }
worker_blocks() { # the blocks of those requests
  [ -e "$(record_file)" ] && awk -v RS='=== ' -v want="$1" '/comm=kworker/ && $0 ~ want' "$(record_file)"
}
# expect_workers_refused REGEX: the helper answered no worker's request whose description matches, and there was one
expect_workers_refused() {
  [ "$(worker_upcalls "$1")" -gt 0 ] || fail "no kernel worker asked for $1"
  ! worker_blocks "$1" | grep -q '^exit=0' || fail "a kernel worker was given a ticket for $1"
}
expect_upcalls() { [ "$(upcalls)" = "$1" ] || fail "$(upcalls) upcalls instead of $1"; }

# helper_log: what was logged since the test began
helper_log() { local test; read -r test </run/vm/test; sed -n "/##### $test\$/,\$p" $OUT/syslog.txt; }
log_has() { helper_log | grep -qiE "$1"; }
expect_log() { wait_for 10 log_has "$1" || fail "the log does not say: $1"; }

# forget_keys TYPE: empties the kernel's cache of dns_resolver or cifs_idmap answers
forget_keys() { keyctl clear "$((16#$(awk -v ring=".$1:" '$9 == ring { print $1 }' /proc/keys)))"; }

# use_rules plain|recorded: without the recorder, or with it (as it is when a test begins)
use_rules() { cp --remove-destination "/run/vm/rules/$1/vm.conf" /etc/request-key.d/vm.conf; }

# The administrator's command, beside the helper of the rule.
nsupcall() { "$(dirname "$(awk '{ print $5; exit }' /run/vm/rules/plain/vm.conf)")/nsupcall" "$@"; }

# --- containers -----------------------------------------------------------------------------------

# A short-lived one, with mount and pid namespaces of its own, that runs one function.
in_container() { unshare -m -p -f --mount-proc bash $SUITE/guest/ctr "$@"; }
private_tmp() { mount -t tmpfs none /tmp && chmod 1777 /tmp; }

# start_container NAME [UNSHARE OPTIONS]: one that stays; `enter NAME FUNCTION ARGUMENTS` runs functions in it.
start_container() {
  local name=$1 maker child
  shift
  unshare -m -p -f --mount-proc --kill-child "$@" sleep 1000 >/dev/null 2>&1 </dev/null &
  maker=$!
  for _ in {1..50}; do
    read -r child _ 2>/dev/null <"/proc/$maker/task/$maker/children"
    [ -n "$child" ] && file_has "/proc/$child/comm" 'sleep*' && break
    rest 0.1
  done
  [ -n "$child" ] || fail "container $name did not start"
  echo "$child $maker" >"$CONTAINERS/$name"
}
container_pid() { local pid; read -r pid _ <"$CONTAINERS/$1"; echo "$pid"; }
enter() {
  local pid namespaces=(-m -p) name
  pid=$(container_pid "$1")
  for name in user:-U net:-n; do
    [ "/proc/self/ns/${name%:*}" -ef "/proc/$pid/ns/${name%:*}" ] || namespaces+=("${name#*:}")
  done
  shift
  nsenter -t "$pid" "${namespaces[@]}" bash $SUITE/guest/ctr "$@"
}
stop_container() {
  local child maker
  read -r child maker <"$CONTAINERS/$1" && rm -f "$CONTAINERS/$1"
  kill -KILL "$child" "$maker" 2>/dev/null
  wait_for 20 eval "! [ -d /proc/$child ]"
}
# map_ids NAME MAP: the id map of a container that was started with -U ("INSIDE OUTSIDE COUNT" lines)
map_ids() {
  local pid
  pid=$(container_pid "$1")
  # The kernel takes a map in one write, which bash's echo does not make of many lines.
  { cat <<<"$2" >"/proc/$pid/gid_map" && cat <<<"$2" >"/proc/$pid/uid_map"; } || fail "cannot map ids: $2"
}

# --- the connection to the server -----------------------------------------------------------------

client_ports() { ss -Htn state established "dport = :445" | awk '{ sub(/.*:/, "", $3); print $3 }' | sort; }

# drop_connections [PORT...]: kills the client's sockets (those with these local ports), as a broken network does.
# Where the kernel cannot kill a socket, the server's processes that hold the other ends are ended.
drop_connections() {
  local port client="dport = :445" server="sport = :445" pids
  if [ $# -gt 0 ]; then
    client+=" and ( sport = :$1" server+=" and ( dport = :$1"
    for port in "${@:2}"; do client+=" or sport = :$port" server+=" or dport = :$port"; done
    client+=" )" server+=" )"
  fi
  if [ -e /run/vm/can-kill-sockets ]; then
    ss -K "$client" >/dev/null 2>&1
  else
    pids=$(ss -Htnp state established "$server" | grep -o 'pid=[0-9]*' | cut -d= -f2)
    # shellcheck disable=SC2086
    [ -n "$pids" ] && kill -TERM $pids
  fi
}

workers_asked() { [ "$(worker_upcalls "$2")" -ge "$1" ]; }
# wait_for_workers COUNT [REGEX]: until kernel workers have asked that often; then until the client is done with the answer.
wait_for_workers() {
  wait_for 60 workers_asked "$1" "${2:-.}" || fail "no kernel worker asked ($(worker_upcalls "${2:-.}") of $1 requests)"
  rest 1
}
# reconnect [COUNT [PORT...]]: drops connections and lets a kernel worker, not a user's process, re-establish the sessions
reconnect() {
  local before
  before=$(worker_upcalls)
  drop_connections "${@:2}"
  wait_for_workers $((before + ${1:-1}))
}

restart_smbd() {
  # shellcheck disable=SC2046
  kill -TERM $(pidof smbd)
  # shellcheck disable=SC2046
  wait_for 40 eval '! pidof smbd' || kill -KILL $(pidof smbd)
  smbd -D --option='server role check:inhibit=yes'
  wait_for 40 port_open 445 || fail "smbd does not start again"
}

# --- between tests --------------------------------------------------------------------------------

clean_up() {
  local name child maker target targets=()
  for name in "$CONTAINERS"/*; do
    [ -e "$name" ] && read -r child maker <"$name" && kill -KILL "$child" "$maker" 2>/dev/null
  done
  while read -r _ target name _; do
    [ "$name" = cifs ] && targets=("$target" "${targets[@]}")
  done </proc/mounts
  for target in "${targets[@]}"; do umount "$target" 2>/dev/null || umount -l "$target"; done
  wait_for 20 unmounted
  rm -rf /tmp/* /srv/data/[!h]* /srv/data2/* /run/nsupcall* /etc/nsupcall.conf.d /run/vm/errors.* $CONTAINERS
  install -d -m 1777 $CONTAINERS
  use_rules recorded
  ip addr add "$KDC_IP/32" dev lo 2>/dev/null
  cp /run/vm/etc/* /etc/
  give $U1 labu1 "$(default_ccache $U1)"
}
