# shellcheck shell=bash disable=SC2034
# The pod of the manifests in podman, on a folder that stands for a node's root. Sourced after podman.sh, with IMAGE_FOLDER
# set (of tests/k8s/image). Everything is in a pid and a mount namespace of this run: its first process is the node's, as
# pods with `hostPID` see it, and with it everything ends.
#
# The pod has a network of its own with the address $POD_IP, and one neighbour in a network of *its* own. Gives: NODE, play,
# ask, wait_until, fail, agent_pid.
if [ -z "${IN_NAMESPACE:-}" ]; then
  IN_NAMESPACE=1 unshare --mount --pid --fork --mount-proc --kill-child bash "$0" "$@"
  exit
fi
IMAGE=localhost/nsupcall:test
POD_IP=192.0.2.10
fail() {
  say "$*"
  for name in $(podman_here ps --all --format '{{.Names}}'); do
    say "$name: $(podman_here logs "$name" 2>&1 | grep -v 'CNI config' | tail -n 5)"
  done
  exit 1
}
wait_until() { # wait_until WHAT COMMAND...
  local what=$1
  shift
  for _ in {1..200}; do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  fail "not within 20 s: $what"
}
[ -s "$IMAGE_FOLDER/image.tar" ] || fail "no $IMAGE_FOLDER/image.tar; run tests/k8s/image first"
podman_here load --quiet --input "$IMAGE_FOLDER/image.tar" >/dev/null || fail "podman load failed"

# The pod's network, and its neighbour's.
new_network() { unshare --net sleep 100000 & }
in_network() { nsenter --net="/proc/$1/ns/net" "${@:2}"; }
is_apart() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
new_network
POD_NET=$!
new_network
NEIGHBOUR=$!
wait_until "two networks" eval "is_apart $POD_NET && is_apart $NEIGHBOUR"
{ in_network $NEIGHBOUR ip link add eth0 type veth peer name eth0 netns $POD_NET && in_network $POD_NET ip address add $POD_IP/24 dev eth0 &&
  in_network $NEIGHBOUR ip address add 192.0.2.1/24 dev eth0; } || fail "no network for the pod"
for pid in $POD_NET $NEIGHBOUR; do { in_network "$pid" ip link set lo up && in_network "$pid" ip link set eth0 up; } || fail "no network"; done
# ask NETWORK ADDRESS PATH: the status on the first line, then the body
ask() {
  in_network "$1" python3 -c 'import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], 9847, timeout=10)
connection.request("GET", sys.argv[2])
answer = connection.getresponse()
sys.stdout.buffer.write(b"%d\n" % answer.status + answer.read())' "$2" "$3"
}
answers() { [ "$(ask "$1" "$2" "$3" | head -n 1)" = "$4" ]; } # answers NETWORK ADDRESS PATH STATUS

# A node whose root is a mount of its own, as a node's is.
NODE=$SCRATCH/node
{ mkdir "$NODE" && mount -t tmpfs none "$NODE" && mount --make-shared "$NODE"; } || fail "cannot mount a tmpfs"
mkdir -p "$NODE"/{usr/sbin,usr/bin,etc/request-key.d,opt,proc,var,run}
ln -s usr/sbin "$NODE/sbin"
cp "$(command -v busybox)" "$NODE/usr/sbin/request-key"
mount -t proc proc "$NODE/proc" || fail "no /proc"

: >"$SCRATCH/adapted"
# `play kube` of podman 4.3 reads hostPID and does nothing with it.
sed 's/^\[containers\]$/&\npidns = "host"/' "$SCRATCH/containers.conf" >"$SCRATCH/host-pid.conf"
# play OBJECTS: the DaemonSet's pod of a file of objects
play() {
  "$ROOT/tests/k8s/playable" DaemonSet/nsupcall --node "$NODE" --image "nsupcall:0.1.0=$IMAGE" --pod-ip "$POD_IP" --host-network \
    <"$1" >"$SCRATCH/pod.yaml" 2>"$SCRATCH/said" || fail "playable: $(cat "$SCRATCH/said")"
  cat "$SCRATCH/said" >>"$SCRATCH/adapted"
  local configuration=containers.conf
  ! grep -q '"hostPID": true' "$SCRATCH/pod.yaml" || configuration=host-pid.conf
  in_network "$POD_NET" "${PODMAN_HERE[@]/%containers.conf/$configuration}" play kube --replace "$SCRATCH/pod.yaml" >"$SCRATCH/said" 2>&1 ||
    fail "play kube: $(cat "$SCRATCH/said")"
}
unplay() { podman_here pod rm --force --all --time=0 >/dev/null; }
pid_of() { podman_here inspect --format '{{.State.Pid}}' "nsupcall-$1"; } # pid_of CONTAINER
exit_code_of() { podman_here inspect --format '{{.State.ExitCode}}' "nsupcall-$1"; }
capabilities_of() { awk '/^CapEff/ { print $2 }' "/proc/$1/status"; } # capabilities_of PID
# The process of the agent that serves: the child of the one that reads the node.
server_of() { tr -d ' ' <"/proc/$1/task/$1/children"; }
