# shellcheck shell=bash
# Mounts and users without containers.

test_basic() {
  mount_share cruid=$U1
  [ "$(cat $MNT/hello.txt)" = hello-from-server ] || fail "cannot read"
  echo data >$MNT/basic || fail "cannot write"
  [ "$(cat /srv/data/basic)" = data ] || fail "the server has not what was written"
  expect_owner basic labu1
  expect_upcalls 1
}

# The rule exactly as it is installed, without the recorder in front of the helper.
test_rule_as_installed() {
  use_rules plain
  mount_share cruid=$U1
  touch $MNT/plain
  expect_owner plain labu1
}

test_krb5i() {
  mount_share sec=krb5i,cruid=$U1
  grep -q 'sec=krb5i' /proc/mounts || fail "not mounted with signing: $(grep ' cifs ' /proc/mounts)"
  touch $MNT/krb5i
  expect_owner krb5i labu1
}

test_ipv6() {
  mount_share cruid=$U1,ip=::1
  touch $MNT/ipv6
  expect_owner ipv6 labu1
  grep -q 'ip6=' "$(record_file)" || fail "the kernel did not ask with ip6="
}

test_multiuser() {
  mount_share multiuser,cruid=$U1
  give $U2 labu2 "$(default_ccache $U2)"
  as $U1 touch $MNT/multi1
  as $U2 touch $MNT/multi2
  expect_owner multi1 labu1
  expect_owner multi2 labu2
}

# A user without a ticket gets nothing, least of all the mount's own session.
test_nocc_refused() {
  mount_share multiuser,cruid=$U1
  as $U2 touch $MNT/nocc && fail "access without a ticket"
  expect_absent nocc
  expect_upcalls 2
}

# A ticket obtained after a refusal helps the same process at once: the refusal is cached for a second.
test_kinit_after_refusal() {
  mount_share multiuser,cruid=$U1
  install -m 644 "/var/lib/samba/tickets/labu2" /tmp/ticket
  as $U2 bash -c ": >$MNT/early; cp /tmp/ticket /tmp/krb5cc_$U2; chmod 600 /tmp/krb5cc_$U2; sleep 2.2; : >$MNT/late"
  expect_absent early
  expect_owner late labu2
}

# A process without privileges asks for a key itself, naming somebody else.
test_spoof() {
  local key
  give $U2 labu2 "$(default_ccache $U2)"
  key=$(as $U2 keyctl request2 cifs.spnego \
    "ver=0x2;host=$SERVER;ip4=$SERVER_IP;sec=krb5;uid=0x1b59;creduid=0x1b59;user=labu1;pid=0x1" x @s 2>&1) &&
    fail "got key $key: $(keyctl rdescribe "$key" 2>&1)"
  echo "$key"
}
