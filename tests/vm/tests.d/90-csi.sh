# shellcheck shell=bash
# The Kubernetes examples (k8s/examples) on a node: their own volumes, secrets and rules (in $CSI, by tests/k8s/csi/lab), the
# stand-in of csi-driver-smb's node plugin in a pod of its own, and pods that use the volumes. svc-smb is labc01 here, alice
# and svc-reports are labu1, bob and svc-archive labu2, the gMSA is labc02.
CSI=$OUT/csi
KUBELET=/var/lib/kubelet
PODS=/sys/fs/cgroup/kubepods

# --- the node -------------------------------------------------------------------------------------

# start_node EXAMPLE: the rules that the example's installer brings, the kubelet's folder, the driver's pod
start_node() {
  [ "$(awk '$2 == "cifs.spnego" { print $5 }' /run/vm/rules/plain/vm.conf)" != /usr/sbin/cifs.upcall ] || skip "cifs-utils has no rules"
  EXAMPLE=$1
  install -D -m 644 "$CSI/$1/rules.conf" /etc/nsupcall.conf.d/node-install-kubernetes.conf
  mkdir -p $KUBELET
  { mount -t tmpfs none $KUBELET && mount --make-shared $KUBELET; } || fail "no $KUBELET"
  trap 'umount -l $KUBELET' EXIT
  mkdir -m 755 $KUBELET/kerberos
  start_driver
}
start_driver() {
  start_pod driver --propagation unchanged
  in_pod driver c_driver
}
# The driver's image: another krb5.conf, which knows nothing of the realm, and no tickets. The folder is the node's.
c_driver() {
  private_tmp
  printf '[libdefaults]\n default_realm = WRONG.TEST\n' >/tmp/krb5.conf
  mount --bind /tmp/krb5.conf /etc/krb5.conf
}

# keytabs USER...: the Secret smb-keytabs, with entries of these users, as the sidecar brings it to the node
keytabs() {
  mkdir -p /tmp/keytabs
  keytab /tmp/keytabs/smb.keytab "$@"
  nsupcall node keytabs --root=/ --from=/tmp/keytabs 2>&1 || fail "nsupcall node keytabs"
}
# keytab FILE USER...
keytab() {
  local file=$1 user
  shift
  {
    for user in "$@"; do printf 'addent -password -p %s@%s -k 1 -e aes256-cts-hmac-sha1-96\npw-%s-1\n' "$user" $REALM "$user"; done
    echo "wkt $file"
  } | ktutil >/dev/null
  [ -s "$file" ] || fail "no keytab of $*"
}

# --- pods -----------------------------------------------------------------------------------------

# start_pod NAME [UNSHARE OPTIONS]: a container in a control group such as the kubelet makes
start_pod() {
  local group
  group=$PODS/burstable/pod$1/$(printf %s "$1" | sha256sum | cut -c1-64)
  mkdir -p "$group" || fail "no control groups"
  start_container "$@"
  container_pid "$1" >"$group/cgroup.procs" || fail "cannot use control group $group"
}
# in_pod NAME FUNCTION ARGUMENTS: its processes are in the pod's control group
in_pod() {
  (
    echo $BASHPID >"$(echo $PODS/burstable/pod"$1"/*/cgroup.procs)"
    enter "$@"
  ) || exit 1
}

# volume PV: the folder where the driver stages it
volume() { jq -r .staging_target_path "$CSI/$EXAMPLE/$1.json"; }
# stage PV [REQUEST]: NodeStageVolume in the driver's pod
stage() { in_pod driver c_plugin "${2:-$CSI/$EXAMPLE/$1.json}" stage; }
c_plugin() { bash "$CSI/node-plugin" "${@:2}" <"$1" || fail "node-plugin $2"; }
# start_app NAME PV...: a pod with claims of these volumes, each at /PV
start_app() {
  local name=$1 pv target
  shift
  for pv in "$@"; do
    target=$KUBELET/pods/$name/volumes/kubernetes.io~csi/$pv/mount
    in_pod driver c_plugin /dev/null publish "$(volume "$pv")" "$target"
    mkdir -p "/$pv"
  done
  start_pod "$name"
  in_pod "$name" c_app "$name" "$@"
}
c_app() {
  local name=$1 pv
  shift
  private_tmp
  for pv in "$@"; do mount --bind "$KUBELET/pods/$name/volumes/kubernetes.io~csi/$pv/mount" "/$pv" || fail "no volume $pv"; done
  umount -l $KUBELET
}
# write NAME FILE: the pod's app, uid 1000, writes. Once more where the connection was gone.
write() { in_pod "$1" c_write "$2"; }
c_write() {
  local try
  for try in 1 2 3; do
    as 1000 timeout 60 touch "$1" && return
    rest "$try"
  done
  fail "cannot write $1"
}
# The driver's pod is upgraded: what mounted is gone, the mounts live on.
restart_driver() {
  stop_container driver
  rmdir $PODS/burstable/poddriver/*/ $PODS/burstable/poddriver
  start_driver
}

# --- example 1: tickets from a keytab -------------------------------------------------------------

test_csi_keytab() {
  give 990001 labu2 FILE:/tmp/krb5cc_990001 # not what the rule names
  give 0 labu2 "$(default_ccache 0)"
  keytabs labc01
  start_node 1
  stage smb-example-1
  start_app writer smb-example-1
  write writer /smb-example-1/first
  expect_owner first labc01
  [ "$(stat -c %u:%a "$(readlink $KUBELET/kerberos/krb5cc_990001)")" = 990001:700 ] || fail "not the driver's layout"
  expect_log 'keytab of rule 10-csi-driver-smb .*used, labc01'
  restart_driver
  reconnect
  write writer /smb-example-1/reconnected
  expect_owner reconnected labc01
}
# The Secret never changes, and no ticket is renewed by anybody; yet the mount outlives the tickets.
test_csi_never_expires() {
  sed -i '/libdefaults/a\ ticket_lifetime = 10m' /etc/krb5.conf
  keytabs labc01
  start_node 1
  stage smb-example-1
  start_app writer smb-example-1
  write writer /smb-example-1/before
  date -s "@$(($(date +%s) + 660))" >/dev/null
  write writer /smb-example-1/afterwards
  expect_owner afterwards labc01
  [ "$(upcalls)" -ge 2 ] || fail "the server did not end the session with the ticket"
}
# A process with that cruid is answered on the node; one without gets nothing of the node's.
test_csi_reserved_cruid() {
  keytabs labc01
  start_node 1
  give 1000 labu2 "$(default_ccache 1000)"
  start_pod other
  in_pod other private_tmp
  in_pod other c_refused cruid=1000
  in_pod other c_refused cruid=0
}
c_refused() { try_mount "$1" && fail "mounted with the node's ticket"; return 0; }

# --- example 2: each pod its own principal --------------------------------------------------------

# start_user NAME USER [UNSHARE OPTIONS]: the pod of alice.yaml or bob.yaml, up to its app
start_user() {
  local name=$1 user=$2
  shift 2
  start_pod "$name" "$@"
  [ $# = 0 ] || map_ids "$name" "$MAP"
  in_pod "$name" c_user "$user"
}
c_user() {
  private_tmp
  mkdir -p /tmp/ticket /tmp/keytab
  keytab /tmp/keytab/keytab "$1"
  chgrp 1000 /tmp/ticket /tmp/keytab /tmp/keytab/keytab
  chmod 2775 /tmp/ticket
  chmod 750 /tmp/keytab
  chmod 440 /tmp/keytab/keytab
  as 1000 env KEYTAB=/tmp/keytab/keytab TICKET=/tmp/ticket/cc sh "$CSI/keep-ticket" "$1@$REALM" >/dev/null 2>&1 </dev/null &
  wait_for 20 test -s /tmp/ticket/cc || fail "the sidecar brings no ticket"
}
user_writes() { KRB5CCNAME=FILE:/tmp/ticket/cc in_pod "$1" c_write "$(volume smb-example-2)/$2"; }
stage_shared_volume() {
  keytabs labc01
  start_node 2
  stage smb-example-2
}
test_csi_pod_identity() {
  stage_shared_volume
  MAP='0 3392012288 65536' start_user alice labu1 -U
  MAP='0 3392077824 65536' start_user bob labu2 -U
  user_writes alice alice.txt
  user_writes bob bob.txt
  expect_owner alice.txt labu1
  expect_owner bob.txt labu2
  reconnect # one of the three sessions at least; the pods' own processes ask for the others where no worker has
  user_writes bob bob-again.txt
  user_writes alice alice-again.txt
  expect_owner alice-again.txt labu1
  expect_owner bob-again.txt labu2
}
# Why example 2 has no claims: a volume of a pod with a user namespace is mapped to its ids, which cifs refuses; what is
# mounted below a mapped folder is left as it is. (Some day this test may fail: then claims will do.)
test_csi_idmapped() {
  stage_shared_volume
  MAP='0 3392012288 65536' start_user alice labu1 -U
  mkdir -p /mnt/volume
  USED=$(dirname "$(volume smb-example-2)")
  idmap "$USED" || skip "this kernel maps no ids of a tmpfs"
  in_pod alice umount -l /mnt/volume
  if idmap "$(volume smb-example-2)"; then fail "cifs takes id maps: example 2 can be simpler"; fi
  idmap "$USED"
  KRB5CCNAME=FILE:/tmp/ticket/cc in_pod alice c_write /mnt/volume/globalmount/idmapped
  expect_owner idmapped labu1
}
idmap() { python3 $SUITE/guest/idmap "$(container_pid alice)" "$1" /mnt/volume; }
# What docs/KUBERNETES.md warns of, and what hostUsers: false is for: one session for each uid of the node.
test_csi_same_uid() {
  stage_shared_volume
  start_user alice labu1
  start_user bob labu2
  user_writes alice alice.txt
  user_writes bob bob.txt
  expect_owner alice.txt labu1
  expect_owner bob.txt labu1
  expect_upcalls 2
}

# --- example 3: a group managed service account ---------------------------------------------------

test_csi_gmsa() {
  mkdir -p /var/credentials-fetcher/krbdir/lease/labc02
  chmod 700 /var/credentials-fetcher/krbdir
  give 0 labc02 FILE:/var/credentials-fetcher/krbdir/lease/labc02/krb5cc
  start_node 3
  stage smb-example-3
  start_app writer smb-example-3
  write writer /smb-example-3/gmsa
  expect_owner gmsa labc02
  expect_log 'ccache of the host .*/krb5cc \(used, labc02'
  restart_driver
  reconnect
  write writer /smb-example-3/gmsa-again
  expect_owner gmsa-again labc02
}

# --- example 4: one cruid, two principals ---------------------------------------------------------

use_both_volumes() {
  start_app copier smb-example-4-reports smb-example-4-archive
  write copier /smb-example-4-reports/report
  write copier /smb-example-4-archive/archive
  expect_owner report labu1
  expect_owner archive labu2
  reconnect 2
  write copier /smb-example-4-archive/archive-again
  write copier /smb-example-4-reports/report-again
  expect_owner report-again labu1
  expect_owner archive-again labu2
}
test_csi_two_principals_keytab() {
  keytabs labu1 labu2
  start_node 4
  stage smb-example-4-reports
  stage smb-example-4-archive
  use_both_volumes
}
# With tickets in the Secrets: the link krb5cc_990001 leads to the one that was staged last.
test_csi_two_principals_tickets() {
  start_node 4
  stage_with_ticket smb-example-4-reports labu1
  stage_with_ticket smb-example-4-archive labu2
  use_both_volumes
  jq '.volume_capability.mount.mount_flags |= map(if startswith("username=") then "username=labc03@'$REALM'" else . end)' \
    /tmp/smb-example-4-archive.json >/tmp/third.json
  jq '.volume_id = "third" | .staging_target_path = "'$KUBELET'/third"' /tmp/third.json >/tmp/third-volume.json
  cp /tmp/third-volume.json $KUBELET/
  if (stage third $KUBELET/third-volume.json); then fail "somebody else's ticket was taken"; fi
  expect_log 'labc03'
}
stage_with_ticket() { # stage_with_ticket PV USER
  jq --arg ticket "$(base64 -w0 "/var/lib/samba/tickets/$2")" '.secrets.krb5cc_990001 = $ticket' "$CSI/$EXAMPLE/$1.json" \
    >"/tmp/$1.json"
  cp "/tmp/$1.json" $KUBELET/ # the driver's /tmp is another one
  stage "$1" "$KUBELET/$1.json"
}

# --- the administrator's command ------------------------------------------------------------------

# A pod by its name, as the kubelet's folders of logs tell it, and by its uid.
test_csi_explain_pod() {
  local uid=11111111-2222-3333-4444-555555555555 word
  [ "$(awk '$2 == "cifs.spnego" { print $5 }' /run/vm/rules/plain/vm.conf)" != /usr/sbin/cifs.upcall ] || skip "cifs-utils has no command"
  mkdir -p /var/log/pods/shop_web-0_$uid
  trap 'rmdir /var/log/pods/shop_web-0_11111111-2222-3333-4444-555555555555' EXIT
  start_pod $uid
  in_pod $uid c_pod_ticket
  for word in shop/web-0 $uid; do
    nsupcall explain --pod "$word" --host "$SERVER" --uid $U1 --json >/tmp/answer || fail "explain --pod $word: $(cat /tmp/answer)"
    jq -e '.client == "labu2@LAB.TEST" and .requester.container.pod_namespace == "shop" and
      .requester.container.pod_name == "web-0"' /tmp/answer >/dev/null || fail "$word: $(jq -c . /tmp/answer)"
  done
  nsupcall map --json | jq -e 'any(.places[]; .pod.name == "web-0")' >/dev/null || fail "the map does not name the pod"
  ! nsupcall explain --pod shop/web-1 --host "$SERVER" 2>/tmp/answer || fail "another pod is found"
  grep -q 'no running pod is called shop/web-1' /tmp/answer || fail "$(cat /tmp/answer)"
}
c_pod_ticket() { private_tmp; give $U1 labu2 FILE:/tmp/krb5cc_$U1; }
