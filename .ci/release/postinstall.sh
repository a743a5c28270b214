#!/bin/sh
# The account that the unit runs as. Nothing is switched on: where KSC is and
# how to log in has to be said first.
set -e
if ! getent passwd kes-respond >/dev/null; then
  useradd --system --user-group --home-dir /var/lib/kes-respond --no-create-home --shell /usr/sbin/nologin kes-respond
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
fi
