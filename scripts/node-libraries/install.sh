#!/bin/sh
# The Node that npm brings needs libatomic.so.1, which a Debian machine without a compiler lacks. npm runs this before
# it puts that Node into the path of other scripts, which is the last moment at which it can still be mended.
for node in ../node-linux-*/bin/node; do
  [ -x "$node" ] || continue
  "$node" --version >/dev/null 2>&1 && continue
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends libatomic1
  fi
  "$node" --version >/dev/null && continue
  echo 'The Node from npm does not start here: install the Debian package libatomic1, then run npm ci again.' >&2
  exit 1
done
