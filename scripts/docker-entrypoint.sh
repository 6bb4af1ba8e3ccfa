#!/bin/sh
# A new volume belongs to root (fly.io) or to whoever made the directory. Gives it to the user `node` and goes on as that
# user; the program never runs as root. Where the container is started as another user (--user), nothing is changed.
set -e
if [ "$(id -u)" = 0 ]; then
  chown node:node /data
  exec setpriv --reuid=node --regid=node --init-groups --no-new-privs "$@"
fi
exec "$@"
