# shellcheck shell=bash
# Containers with mount and pid namespaces of their own, as privileged and rootful ones have.

# --- on a multiuser mount of the host: the ticket is only in the container's /tmp ------------------

c_use() { # c_use FILE
  private_tmp
  give $U2 labu2 "$(default_ccache $U2)"
  as $U2 touch "$MNT/$1"
}
test_mntns_default() {
  mount_share multiuser,cruid=$U1
  in_container c_use mntns_default
  expect_owner mntns_default labu2
}
test_mntns_env() {
  mount_share multiuser,cruid=$U1
  in_container c_use_env
  expect_owner mntns_env labu2
}
c_use_env() {
  private_tmp
  give $U2 labu2 FILE:/tmp/mine
  as $U2 env KRB5CCNAME=FILE:/tmp/mine touch $MNT/mntns_env
}
# The host holds another user's ticket under the same uid.
test_mntns_decoy() {
  mount_share multiuser,cruid=$U1
  give $U2 labu1 "$(default_ccache $U2)"
  in_container c_use mntns_decoy
  expect_owner mntns_decoy labu2
}
# A container without a ticket is never given the host's.
test_mntns_no_fallback() {
  mount_share multiuser,cruid=$U1
  give $U2 labu2 "$(default_ccache $U2)"
  in_container c_use_nothing && fail "access with the host's ticket"
  expect_absent nothing
}
c_use_nothing() {
  private_tmp
  as $U2 touch $MNT/nothing
}
# A service with a /tmp of its own (only a mount namespace) is no container: it may use the host's.
test_private_tmp_fallback() {
  mount_share multiuser,cruid=$U1
  give $U2 labu2 "$(default_ccache $U2)"
  unshare -m bash $SUITE/guest/ctr c_use_nothing
  expect_owner nothing labu2
}

# --- mounts made inside ---------------------------------------------------------------------------

c_mount() { # c_mount FILE
  private_tmp
  give 0 labu2 "$(default_ccache 0)"
  mount_share user=labu2
  touch "$MNT/$1"
  unmount
}
test_ctr_mount() {
  in_container c_mount ctr_mount
  expect_owner ctr_mount labu2
}
test_ctr_mount_decoy() {
  give 0 labu1 "$(default_ccache 0)"
  in_container c_mount ctr_mount_decoy
  expect_owner ctr_mount_decoy labu2
}

# Mounted in one container, used there, on the host and in a third place: to each its own identity.
test_ctr_mount_shared() {
  local third=$CROWD_FIRST
  mkdir -p /everywhere
  mount -t tmpfs none /everywhere
  trap 'umount -l /everywhere' EXIT
  mount --make-shared /everywhere
  mkdir /everywhere/share
  give 0 labu2 "$(default_ccache 0)"
  give $U2 labu2 "$(default_ccache $U2)"
  give "$third" labu1 "$(default_ccache "$third")"
  start_container maker --propagation unchanged
  start_container other --propagation unchanged
  enter maker c_shared_mount
  as $U2 touch /everywhere/share/on-host
  enter other c_shared_use "$third"
  expect_owner in-maker labu1
  expect_owner on-host labu2
  expect_owner in-other labc01
}
c_shared_mount() {
  private_tmp
  give 0 labu1 "$(default_ccache 0)"
  mount_share multiuser "//$SERVER/data" /everywhere/share
  touch /everywhere/share/in-maker
}
c_shared_use() {
  private_tmp
  give "$1" labc01 "$(default_ccache "$1")"
  as "$1" touch /everywhere/share/in-other
}

# --- a network of its own -------------------------------------------------------------------------

# The KDC is reached through the container's network.
test_netns() {
  ip link add vm-host type veth peer name vm-ctr 2>/dev/null || skip "this kernel has no veth"
  trap 'ip link del vm-host' EXIT
  mount_share multiuser,cruid=$U1
  start_container networked -n
  ip link set vm-ctr netns "$(container_pid networked)"
  ip addr add 10.98.0.1/24 dev vm-host
  ip link set vm-host up
  enter networked c_network
  enter networked c_use netns
  expect_owner netns labu2
}
c_network() {
  ip link set lo up
  ip addr add 10.98.0.2/24 dev vm-ctr
  ip link set vm-ctr up
  ip route add default via 10.98.0.1
}

# --- many at once ---------------------------------------------------------------------------------

# Fifty containers with fifty identities write to one share at the same time.
test_crowd() {
  local i name began wrong="" jobs=()
  mount_share multiuser,cruid=$U1
  mkfifo /run/vm/gate
  exec 8<>/run/vm/gate
  trap 'open_gate; rm -f /run/vm/gate' EXIT
  began=$(uptime_seconds)
  for ((i = 1; i <= CROWD_SIZE; i++)); do
    in_container c_crowd "$i" &
    jobs+=($!)
  done
  wait_for 150 eval "[ \$(ls /run/vm/containers | grep -c ^waiting-) = $CROWD_SIZE ]" || fail "not all containers started"
  echo "started in $(seconds_since "$began") s,"
  began=$(uptime_seconds)
  open_gate
  wait "${jobs[@]}"
  echo "wrote in $(seconds_since "$began") s"
  for ((i = 1; i <= CROWD_SIZE; i++)); do
    name=$(crowd_name "$i")
    [ "$(owner_of "crowd-$name")" = "$name" ] || wrong+=" crowd-$name:$(owner_of "crowd-$name")"
  done
  [ -z "$wrong" ] || fail "wrong owners:$wrong"
  expect_upcalls $((CROWD_SIZE + 1))
}
open_gate() { printf '%*s' $CROWD_SIZE '' | tr ' ' '\n' >&8; } # a line for each
c_crowd() {
  local name uid=$((CROWD_FIRST + $1 - 1))
  name=$(crowd_name "$1")
  private_tmp
  give $uid "$name" "$(default_ccache $uid)"
  : >"$CONTAINERS/waiting-$1"
  read -r _ </run/vm/gate
  as $uid touch "$MNT/crowd-$name"
}
