#!/bin/bash
# domain_sources.sh HELPER: asks winbind and SSSD, both real, for users of a real Samba Active Directory domain.
#
# Everything runs in mount, network, host name and pid namespaces of its own, with nothing but tmpfs where the daemons
# write, and ends with them. The helper is run by hand there, so that these namespaces count as the host's.
# Exit status: 0 passed, 1 not, 77 something is not installed (1 with NSUPCALL_NO_SKIP=1).
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root
HELPER=$1
REALM=LAB.TEST IP=10.99.0.1 SERVER=dc1.lab.test

fail() { echo "FAIL: $*"; exit 1; }

if [ "${2:-}" != inside ]; then
  for program in samba samba-tool winbindd wbinfo sssd; do
    command -v $program >/dev/null || missing="${missing:-} $program"
  done
  [ -e /usr/lib/"$(uname -m)"-linux-gnu/sssd/libsss_ldap.so ] || missing="${missing:-} sssd-ldap"
  if [ -n "${missing:-}" ]; then
    echo "not installed:$missing"
    [ "${NSUPCALL_NO_SKIP:-}" = 1 ] && exit 1
    exit 77
  fi
  folder=$(mktemp -d) || exit 1
  trap 'rm -rf "$folder"' EXIT
  # The helper may lie below a folder that is covered inside.
  cp "$HELPER" "$folder/cifs.upcall"
  unshare -m -n -u -p -f --mount-proc --kill-child bash "$0" "$folder" inside
  exit $?
fi

FOLDER=$HELPER
HELPER=$FOLDER/cifs.upcall
wait_for() { # TENTHS COMMAND...
  local i tenths=$1
  shift
  for ((i = 0; i < tenths; i++)); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  return 1
}

ip link set lo up
ip addr add $IP/32 dev lo
hostname dc1
for folder in /var/lib/samba /run /var/cache/samba /var/log/samba /etc/samba \
  /var/lib/sss/db /var/lib/sss/pipes /var/lib/sss/mc /var/log/sssd /etc/sssd; do
  mkdir -p $folder
  mount -t tmpfs -o mode=0755 none $folder
done
mkdir -p /run/samba /run/lock /run/sssd /var/lib/samba/private /var/lib/sss/pipes/private
printf '127.0.0.1 localhost\n%s %s dc1\n' $IP $SERVER >"$FOLDER/hosts"
printf 'nameserver %s\noptions timeout:1 attempts:1\n' $IP >"$FOLDER/resolv.conf"
mount --bind "$FOLDER/hosts" /etc/hosts
mount --bind "$FOLDER/resolv.conf" /etc/resolv.conf

samba-tool domain provision --realm=$REALM --domain=LAB --adminpass='Passw0rd.adm' --server-role=dc \
  --dns-backend=SAMBA_INTERNAL --use-rfc2307 --host-name=dc1 --host-ip=$IP \
  --option='interfaces=lo' --option='bind interfaces only=yes' >"$FOLDER/provision.log" 2>&1 ||
  fail "no domain: $(tail -n 3 "$FOLDER/provision.log")"
samba-tool domain passwordsettings set --complexity=off --min-pwd-age=0 >/dev/null
samba-tool user create alice pw-alice-1 >/dev/null || fail "no user"
sed -i '/^\[global\]/a\
	tls enabled = no\
	disable spoolss = yes\
	ldap server require strong auth = no\
	server services = rpc, ldap, cldap, kdc, winbindd, dns' /etc/samba/smb.conf
samba -D
wait_for 300 wbinfo -n 'LAB\alice' || fail "winbind does not know alice"
SID=$(wbinfo -n 'LAB\alice' | cut -d' ' -f1)
DOMAIN=${SID%-*}

checks=0
expect() { # WANTED SOURCES CALL ARGUMENT: the answer, or the name of an errno
  local got
  got=$("$HELPER" --deadline=10000 "--sources=$2" "$3" "$4" 2>&1)
  [[ $got = "$1" || $got = *": $1: "* ]] || fail "$2 $3 $4: $got, not $1"
  checks=$((checks + 1))
}

# winbind, against what its own client says
uid=$(wbinfo -S "$SID")
gid=$(wbinfo -Y "$DOMAIN-513")
expect "$uid" winbind uid.sids "$SID"
expect "$SID" winbind uid.idmap "$uid"
expect "$gid" winbind gid.sids "$DOMAIN-513"
expect "$DOMAIN-513" winbind gid.idmap "$gid"
expect ENOKEY sssd uid.sids "$SID"

# SSSD, which makes ids from SIDs by a rule of its own: 200000 and the RID
cat >/etc/sssd/sssd.conf <<END
[sssd]
services = nss
domains = lab.test
[nss]
[domain/lab.test]
id_provider = ldap
ldap_uri = ldap://$IP
ldap_schema = ad
ldap_id_mapping = True
ldap_idmap_default_domain_sid = $DOMAIN
ldap_idmap_default_domain = lab.test
ldap_search_base = DC=lab,DC=test
ldap_default_bind_dn = alice@$REALM
ldap_default_authtok = pw-alice-1
ldap_referrals = False
END
chmod 600 /etc/sssd/sssd.conf
sssd -i -d 1 >"$FOLDER/sssd.log" 2>&1 &
sssd=$!
wait_for 100 "$HELPER" --sources=sssd uid.sids "$SID" || fail "SSSD does not know alice: $(tail -n 3 "$FOLDER/sssd.log")"
sssd_uid=$((200000 + ${SID##*-}))
expect $sssd_uid sssd uid.sids "$SID"
expect "$SID" sssd uid.idmap $sssd_uid
expect 200513 sssd gid.sids "$DOMAIN-513"
expect ENOKEY sssd gid.sids "$SID"
expect ENOKEY sssd uid.sids "$DOMAIN-999999"
# The first of a chain that knows the answer gives it.
expect $sssd_uid sssd,winbind uid.sids "$SID"
expect "$uid" winbind,sssd uid.sids "$SID"

# Daemons that hang, and that are gone with their sockets left behind
children=$(ps -o pid= --ppid $sssd)
# shellcheck disable=SC2086
kill -STOP $sssd $children
began=$SECONDS
got=$("$HELPER" --deadline=1500 --sources=sssd uid.sids "$DOMAIN-1104" 2>&1)
[[ $got = *": ETIMEDOUT: "* ]] || fail "SSSD that hangs: $got"
[ $((SECONDS - began)) -le 3 ] || fail "SSSD that hangs was waited for $((SECONDS - began)) s"
# shellcheck disable=SC2086
kill -KILL $sssd $children
echo "passed: $((checks + 1)) checks"
