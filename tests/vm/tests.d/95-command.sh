# shellcheck shell=bash
# The administrator's command over real mounts: what it says of them before and after they break.

need_our_rules() {
  [ "$(awk '$2 == "cifs.spnego" { print $5 }' /run/vm/rules/plain/vm.conf)" != /usr/sbin/cifs.upcall ] || skip "cifs-utils has no command"
}
# ask STATUS ARGUMENTS...: runs the command, which must end so; what it prints is in /tmp/answer
ask() {
  local want=$1 status
  shift
  nsupcall "$@" >/tmp/answer 2>&1
  status=$?
  [ $status = "$want" ] || fail "nsupcall $*: exit status $status, not $want: $(cat /tmp/answer)"
}
# answer_is JQ-EXPRESSION: of the JSON in /tmp/answer
answer_is() { jq -e "$1" /tmp/answer >/dev/null || fail "not so: $1: $(jq -c . /tmp/answer)"; }
answer_says() { grep -qE -- "$1" /tmp/answer || fail "does not say $1: $(cat /tmp/answer)"; }

test_command_explain_mount() {
  need_our_rules
  mount_share cruid=$U1
  ask 0 explain --mount $MNT --json
  answer_is '.request.host == "dc1.lab.test" and .request.creduid == 7001 and .outcome.prospect == "succeeds" and
    .client == "labu1@LAB.TEST" and (.request.host_from | test("mount"))'
  answer_is 'any(.candidates[]; .verdict == "used" and .name == "FILE:/tmp/krb5cc_7001") and .ticket_there'
  give $U1 labu1 "$(default_ccache $U1)" # without the service's ticket, which the mount brought
  ask 0 explain --mount $MNT --json
  answer_is '(.ticket_there | not) and (.kdcs | length > 0) and .kdcs[0].state == "answers"'
  ask 0 explain --mount $MNT/hello.txt --ticket
  answer_says 'would succeed'
  rm /tmp/krb5cc_$U1
  ask 1 explain --mount $MNT --json
  answer_is '.outcome.errno == "ENOKEY" and (.advice | length > 0)'
  ask 2 explain --mount /proc
  answer_says 'no SMB mount'
}

# Only a container has a mount there: it is found, and so are its tickets, not the host's.
c_mount_as_labu2() {
  private_tmp
  give $U1 labu2 FILE:/tmp/krb5cc_$U1
  mount_share cruid=$U1
}
test_command_explain_mount_of_container() {
  need_our_rules
  start_container one
  enter one c_mount_as_labu2
  ask 0 explain --mount $MNT --json
  answer_is '.client == "labu2@LAB.TEST" and .request.host == "dc1.lab.test"'
  ask 0 explain --pid "$(container_pid one)" --uid $U1
  answer_says 'labu2@LAB.TEST'
  ask 0 inspect "$(container_pid one)"
  answer_says '//dc1.lab.test/data'
}

test_command_map() {
  need_our_rules
  mount_share cruid=$U1
  ask 0 map --json
  answer_is '[.places[].users[].mounts[]] | any(.server == "dc1.lab.test" and .cruid == 7001 and
    .credential.state == "valid" and .credential.principal == "labu1@LAB.TEST" and (.targets | index("/share")))'
  ask 0 map
  answer_says '//dc1.lab.test/data'
  answer_says 'labu1@LAB.TEST'
  rm /tmp/krb5cc_$U1
  ask 1 map --json
  answer_is '.mounts.missing == 1'
}

test_command_history() {
  need_our_rules
  mount_share multiuser,cruid=$U1
  as $U2 touch $MNT/nobody
  ask 0 history --json
  answer_says '"host": ?"dc1.lab.test"'
  ask 0 history --failed
  answer_says 'ENOKEY'
  ask 0 history show "$(awk '/ENOKEY/ { print $1; exit }' /tmp/answer)"
  answer_says "krb5cc_$U2"
}

# In a kernel that has cifs.ko: its version, the hole in it or not, and an upcall through it.
test_command_doctor() {
  need_our_rules
  local status
  use_rules plain
  modprobe cifs
  nsupcall doctor --json >/tmp/answer
  status=$?
  [ $status -le 1 ] || fail "doctor: exit status $status: $(jq -c '[.checks[] | select(.status != "ok")]' /tmp/answer)"
  answer_is '[.checks[] | select(.id == "cifs")] | length == 1 and .[0].status == "ok" and (.[0].text | test("is loaded"))'
  answer_is "[.checks[] | select(.id == \"cifs\")][0].text | contains(\"$(uname -r)\") and contains(\"$(cat /sys/module/cifs/version)\")"
  answer_is '[.checks[] | select(.id | IN("request-key", "rules", "helpers", "kdc", "clock", "krb5.conf", "self-test"))] |
    (map(.id) | unique | length == 7) and all(.[]; .status == "ok")'
  # What it found out by offering a key, we find out by offering one: keyctl gets EPERM, or a key.
  if as $U1 keyctl add cifs.spnego doctor-test forged @s >/dev/null 2>/tmp/refusal; then
    answer_is '[.checks[] | select(.id == "forged-requests")][0] | .status == "warning" and (.text | test("CVE-2026-46243"))'
  else
    grep -q 'not permitted' /tmp/refusal || fail "keyctl add: $(cat /tmp/refusal)"
    answer_is '[.checks[] | select(.id == "forged-requests")][0].status == "ok"'
  fi
}

test_command_doctor_finds_rules_of_cifs_utils() {
  need_our_rules
  echo 'create cifs.spnego * * /usr/sbin/cifs.upcall %k' >/etc/request-key.d/vm.conf
  ask 2 doctor --no-kdc
  answer_says '/usr/sbin/cifs.upcall'
  answer_says 'nsupcall install'
}
