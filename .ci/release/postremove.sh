#!/bin/sh
# A purge takes the configuration, and with it the password's file. The ledger
# says who did what to which host: it and its owner stay until somebody removes
# them on purpose.
set -e
if [ "$1" = purge ]; then
  rm -rf /etc/kes-respond
  if [ -d /var/lib/kes-respond ]; then
    echo "The ledger stays in /var/lib/kes-respond, and with it the user kes-respond."
  fi
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
fi
