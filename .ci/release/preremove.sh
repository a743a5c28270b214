#!/bin/sh
# dpkg says "remove", rpm counts what is left: 0. An upgrade stops nothing.
set -e
case "$1" in
remove | 0)
  if [ -d /run/systemd/system ]; then
    systemctl disable --now kes-respond-recover.timer || :
  fi
  ;;
esac
