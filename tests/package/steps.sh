# shellcheck shell=bash
# What is done with the package, in order. Sourced by run.

cp "$DEB" "$TREE/first.deb"
repack 1:1.0 'echo new >usr/share/doc/nsupcall/of-1.0'
repack 1:1.1 'echo "# of 1.1" >>etc/nsupcall.conf'
files >"$SCRATCH/before"

say "installed beside cifs-utils"
dpkg_inside -i /first.deb
rules_win "after the installation"
inside dpkg --verify cifs-utils keyutils nsupcall >"$SCRATCH/verify"
[ ! -s "$SCRATCH/verify" ] || { cat "$SCRATCH/verify" >&2; fail "packages' files were changed"; }
[ "$(inside dpkg -S /usr/sbin/cifs.upcall)" = "cifs-utils: /usr/sbin/cifs.upcall" ] || fail "cifs-utils' helper is not its own"
for program in /usr/sbin/nsupcall /usr/libexec/nsupcall/cifs.upcall /usr/libexec/nsupcall/helpers/cifs.{upcall,idmap}; do
  inside $program --version >"$SCRATCH/version" 2>&1 && grep -q nsupcall "$SCRATCH/version" || fail "$program does not run"
done
inside nsupcall config check >"$SCRATCH/check" 2>&1 || { cat "$SCRATCH/check" >&2; fail "the configuration as shipped"; }
for page in man5/nsupcall.conf.5 man8/nsupcall.8 man8/nsupcall-explain.8 man8/cifs.upcall.8nsupcall; do
  gzip -dc "$TREE/usr/share/man/$page.gz" | grep -qE '^\.(TH|Dd) ' || fail "no manual $page"
done
for file in bash-completion/completions/nsupcall zsh/vendor-completions/_nsupcall fish/vendor_completions.d/nsupcall.fish; do
  [ -s "$TREE/usr/share/$file" ] || fail "no $file"
done
grep -q '^ExecStart=/usr/libexec/nsupcall/engine' "$TREE/usr/lib/systemd/system/nsupcall-engine.service" || fail "no unit"

say "upgraded while upcalls run, the configuration changed before"
echo "# changed by hand" >>"$TREE/etc/nsupcall.conf"
cp "$TREE/etc/nsupcall.conf" "$SCRATCH/changed"
cat >"$SCRATCH/upgrade" <<END
$(declare -p TREE SCRATCH)
$(declare -f inside dpkg_inside say fail)
sleep 1
for round in 1 2 3; do
  dpkg_inside -i /1:1.0.deb
  dpkg_inside --force-downgrade -i /first.deb
done
dpkg_inside -i /1:1.0.deb
END
"$UPCALLS" "$TREE/usr/libexec/nsupcall/helpers/cifs.upcall" bash "$SCRATCH/upgrade" || fail "upcalls during upgrades"
[ -e "$TREE/usr/share/doc/nsupcall/of-1.0" ] || fail "the upgrade brought nothing"
same "an upgrade changed the configuration" "$SCRATCH/changed" "$TREE/etc/nsupcall.conf"
rules_win "after the upgrades"

say "upgraded to another shipped configuration, the rules edited before"
echo "# edited" >>"$TREE/etc/request-key.d/nsupcall.conf"
cp "$TREE/etc/request-key.d/nsupcall.conf" "$SCRATCH/edited"
dpkg_inside --force-confold -i /1:1.1.deb
same "the upgrade changed edited rules" "$SCRATCH/edited" "$TREE/etc/request-key.d/nsupcall.conf"
same "the upgrade changed the configuration" "$SCRATCH/changed" "$TREE/etc/nsupcall.conf"
grep -q "of 1.1" "$TREE/etc/nsupcall.conf.dpkg-dist" || fail "the new configuration is nowhere"

say "removed"
dpkg_inside -r nsupcall
[ ! -e "$TREE/etc/request-key.d/nsupcall.conf" ] || fail "rules are left"
same "edited rules were lost" "$SCRATCH/edited" "$TREE/etc/request-key.d/nsupcall.conf.edited"
same "the removal changed the configuration" "$SCRATCH/changed" "$TREE/etc/nsupcall.conf"
[ ! -e "$TREE/usr/libexec/nsupcall" ] || fail "helpers are left"
"$NSUPCALL" status --root "$TREE" >"$SCRATCH/status" && fail "upcalls go to nsupcall, which is gone"
grep -q /usr/sbin/cifs.upcall "$SCRATCH/status" || { cat "$SCRATCH/status" >&2; fail "upcalls do not go to cifs-utils"; }

say "installed again, over somebody else's rules"
echo "# somebody else's" >"$TREE/etc/request-key.d/nsupcall.conf"
dpkg_inside --force-confold -i /first.deb
rules_win "installed again"
same "the configuration of before was lost" "$SCRATCH/changed" "$TREE/etc/nsupcall.conf"

say "purged"
mkdir -p "$TREE/run/nsupcall/sessions" && echo state >"$TREE/run/nsupcall/sessions/one"
dpkg_inside -P nsupcall
[ "$(cat "$TREE/etc/request-key.d/nsupcall.conf")" = "# somebody else's" ] || fail "somebody else's rules did not come back"
rm "$TREE/etc/request-key.d/nsupcall.conf"
files >"$SCRATCH/after"
same "the purge left something" "$SCRATCH/before" "$SCRATCH/after"

say "without cifs-utils"
dpkg_inside -i /first.deb
dpkg_inside -P cifs-utils
rules_win "without cifs-utils"

say "the namespace library, from its package"
dpkg-deb -x "$DEVELOPMENT" "$SCRATCH/development" || fail "dpkg-deb -x"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$SCRATCH/development" -name nsutil.pc)")
read -r -a flags < <(pkg-config --cflags --libs nsutil-mounts nsutil)
g++ -std=c++23 -O0 -o "$SCRATCH/example" "$ROOT/tests/admin/nsutil_example/example.cpp" "${flags[@]}" &&
  "$SCRATCH/example" $$ >/dev/null || fail "a program cannot be built with libnsutil-dev"
