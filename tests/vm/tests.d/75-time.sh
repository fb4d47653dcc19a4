# shellcheck shell=bash
# Tickets that end while a mount lives, and a KDC that goes away and comes back.
# Time passes by setting the clock; nothing waits. (A domain controller takes a ticket with less than two minutes to
# live for one that may only change a password.)
short_ticket() { # short_ticket UID USER: one for ten minutes
  local file
  file=$(default_ccache "$1")
  rm -f "${file#FILE:}"
  echo "pw-$2-1" | as "$1" kinit -l 10m -c "$file" "$2" >/dev/null || fail "kinit failed"
}
let_it_end() { date -s "@$(($(date +%s) + 660))" >/dev/null; }
# soon FILE: a user's process can use the mount. The kernel returns EAGAIN to the one whose request met the end of the
# session, so it may need more than one try.
soon() {
  local try
  for try in 1 2 3; do
    timeout 60 touch "$1" && return
    echo "(try $try)"
    rest 1
  done
  fail "access failed after the ticket was renewed"
}

# The ticket is renewed before it ends: nobody notices, although the server ends the session.
test_ticket_renewal() {
  give 0 labu1 "$(default_ccache 0)"
  in_container c_renewal || exit 1
  expect_owner renewed labu2
}
c_renewal() {
  private_tmp
  short_ticket 0 labu2
  mount_share user=labu2
  touch $MNT/before
  give 0 labu2 "$(default_ccache 0)"
  let_it_end
  soon $MNT/renewed
  [ "$(upcalls)" -ge 2 ] || fail "the server did not end the session with the ticket"
}
# It ends, and is renewed later: refused in between, and at once good afterwards.
test_ticket_expiry() {
  short_ticket $U1 labu1
  mount_share cruid=$U1
  touch $MNT/before
  let_it_end
  for _ in 1 2 3; do
    timeout 60 touch $MNT/late && fail "access with a ticket that has ended"
    rest 1
  done
  expect_absent late
  expect_log 'expired'
  give $U1 labu1 "$(default_ccache $U1)"
  soon $MNT/renewed
  expect_owner renewed labu1
}

# --- the KDC --------------------------------------------------------------------------------------

kdc_pids() { pgrep -f 'samba: task\[kdc\]'; }
kdc_address() { ip addr "$1" $KDC_IP/32 dev lo; }
# expect_mount_error SECONDS ERRNO...: a mount fails within that time with one of these errors. Without the recorder: the
# kernel tells the errno of a refused key for as long as the refusal lives, a second at most, and ENOKEY afterwards.
expect_mount_error() {
  local began output errno seconds
  use_rules plain
  began=$(uptime_seconds)
  output=$(try_mount cruid=$U1) && fail "mounted without a KDC"
  seconds=$(seconds_since "$began")
  errno=$(grep -o 'mount error([0-9]*)' <<<"$output" | tr -dc '0-9')
  echo "refused after $seconds s with error $errno;"
  [ "${seconds%.*}" -lt "$1" ] || fail "it took longer than $1 s"
  grep -qw -- "$errno" <<<"${*:2}" || fail "the error is not $(IFS=/; echo "${*:2}")"
}

# Its address is gone: told at once (EHOSTUNREACH), and good again as soon as it is back.
test_kdc_gone() {
  kdc_address del
  expect_mount_error 14 113
  kdc_address add
  mount_share cruid=$U1
  touch $MNT/kdc-back
  expect_owner kdc-back labu1
}
# A ticket for the file server is at hand: the KDC is not needed.
test_kdc_gone_cached() {
  as $U1 kvno -q -c "$(default_ccache $U1)" "cifs/$SERVER" || fail "no service ticket"
  kdc_address del
  mount_share cruid=$U1
  touch $MNT/kdc-cached
  expect_owner kdc-cached labu1
}
# It accepts connections and answers nothing: the mount hangs no longer than the helper's deadline of 15 s
# (ETIMEDOUT, or EHOSTUNREACH where libkrb5 gives up before).
test_kdc_hangs() {
  # shellcheck disable=SC2046
  kill -STOP $(kdc_pids) || fail "no KDC process found"
  # shellcheck disable=SC2064
  trap "kill -CONT $(kdc_pids | tr '\n' ' ')" EXIT
  expect_mount_error 35 110 113
  # shellcheck disable=SC2046
  kill -CONT $(kdc_pids)
  mount_share cruid=$U1
  touch $MNT/kdc-awake
  expect_owner kdc-awake labu1
}
