#!/bin/sh
# Puts this folder where a KUMA correlator looks for scripts:
#   install.sh /opt/kaspersky/kuma/correlator/CORRELATOR-ID/scripts
# Run it as root on the correlator's server. It may be run again: config.yaml and
# password that are there already stay as they are.
# KUMA_USER (kuma) is the user of the correlator, LEDGER_DIR
# (/var/lib/kes-respond-kuma) where the record of all requests is kept.
set -eu

[ $# -eq 1 ] || { echo "usage: install.sh SCRIPTS-FOLDER" >&2; exit 64; }
to=$1
user=${KUMA_USER:-kuma}
ledger=${LEDGER_DIR:-/var/lib/kes-respond-kuma}
from=$(dirname "$0")

[ -d "$to" ] || { echo "install.sh: $to is no folder: is the correlator's id right?" >&2; exit 65; }
id "$user" >/dev/null 2>&1 || { echo "install.sh: there is no user $user here: is this the correlator's server?" >&2; exit 65; }

install -d -o "$user" -m 0700 "$ledger"
# A program that runs is replaced by rename, not written over.
install -o "$user" -m 0750 "$from/kes-respond" "$to/.kes-respond.new"
mv -f "$to/.kes-respond.new" "$to/kes-respond"
while read -r name; do
  ln -f "$to/kes-respond" "$to/.$name.new"
  mv -f "$to/.$name.new" "$to/$name"
done <"$from/names"
[ -e "$to/config.yaml" ] || install -o "$user" -m 0600 "$from/config.yaml" "$to/config.yaml"
[ -e "$to/password" ] || install -o "$user" -m 0600 "$from/password" "$to/password"
if [ ! -s "$to/password" ]; then
  echo "Now write the password of the KSC account into $to/password,"
fi
echo "Now edit $to/config.yaml, and try:"
echo "  su -s /bin/sh $user -c '$to/kes-respond check --output text'"
