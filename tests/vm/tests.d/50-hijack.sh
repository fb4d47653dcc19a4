# shellcheck shell=bash
# Nothing that a container brings is ever executed by the helper. The probe library writes down who loads it.
PROBE=libnss_vmprobe.so.2
LIBRARIES=/usr/lib/x86_64-linux-gnu

fresh_probe_list() { rm -f $OUT/probe-loaded && install -m 666 /dev/null $OUT/probe-loaded; }
expect_not_loaded() { [ ! -s $OUT/probe-loaded ] || fail "container code ran: $(tr '\n' ' ' <$OUT/probe-loaded)"; }

smuggle() { # the probe among the container's own libraries
  mkdir /tmp/upper /tmp/work
  mount -t overlay -o lowerdir=$LIBRARIES,upperdir=/tmp/upper,workdir=/tmp/work none $LIBRARIES
  cp "$OUT/$PROBE" $LIBRARIES/
}

test_nss_hijack() {
  mount_share multiuser,cruid=$U1
  fresh_probe_list
  in_container c_nss
  expect_not_loaded
  expect_owner nss_hijack labu2
}
c_nss() {
  private_tmp
  give $U2 labu2 "$(default_ccache $U2)"
  printf 'passwd: vmprobe files\ngroup: vmprobe files\nhosts: files\n' >/tmp/nsswitch
  smuggle
  mount --bind /tmp/nsswitch /etc/nsswitch.conf
  as $U2 touch $MNT/nss_hijack
}

# Kerberos plugins named in krb5.conf, and a GSS mechanism
test_plugin_hijack() {
  mount_share multiuser,cruid=$U1
  fresh_probe_list
  in_container c_plugin
  expect_not_loaded
  expect_owner plugin_hijack labu2
}
c_plugin() {
  local kind
  private_tmp
  give $U2 labu2 "$(default_ccache $U2)"
  smuggle
  {
    cat /etc/krb5.conf
    echo '[plugins]'
    for kind in ccselect localauth hostrealm clpreauth pwqual; do
      printf ' %s = {\n  module = probe:%s\n }\n' $kind "$LIBRARIES/$PROBE"
    done
  } >/tmp/krb5.conf
  mkdir -p $LIBRARIES/krb5/plugins/{krb5,libkrb5,authdata}
  cp "$OUT/$PROBE" $LIBRARIES/krb5/plugins/libkrb5/probe.so
  cp "$OUT/$PROBE" $LIBRARIES/krb5/plugins/authdata/probe.so
  mkdir -p /tmp/gss/mech.d
  echo "probe 1.2.3.4.5 $LIBRARIES/$PROBE" >/tmp/gss/mech.d/probe.conf
  mount --bind /tmp/krb5.conf /etc/krb5.conf
  [ -d /etc/gss ] && mount --bind /tmp/gss /etc/gss
  as $U2 touch $MNT/plugin_hijack
}
