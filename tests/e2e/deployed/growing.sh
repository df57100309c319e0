#!/bin/sh
# A FlexVolume driver whose volumes have exactly the size that they should, and grow: each is a tmpfs
# of its node, with a bind mount for each pod. They last as long as the node runs.
#
# It stands in for a storage vendor's driver, and for nothing else: that a claim may grow is decided
# by the API server, that its volume does by the controller manager, and the kubelet calls us.
set -eu
field() { printf %s "$1" | jq -r ".\"$2\""; }
place() { printf /var/growing/%s "$(field "$1" kubernetes.io/pvOrVolumeName)"; }
success() { echo '{"status": "Success"}'; }
case $1 in
init)
  echo '{"status": "Success",
    "capabilities": {"attach": false, "fsGroup": true, "requiresFSResize": true}}' ;;
mount) # DIRECTORY OPTIONS
  volume=$(place "$3")
  if ! mountpoint -q "$volume"; then
    mkdir -p "$volume"
    mount -t tmpfs -o "mode=0777,size=$(field "$3" size)" growing "$volume"
  fi
  mkdir -p "$2"
  mount --bind "$volume" "$2"
  success ;;
unmount) # DIRECTORY
  umount "$2"
  success ;;
expandfs) # OPTIONS DEVICE DIRECTORY NEW-SIZE OLD-SIZE
  mount -o "remount,size=$5" "$(place "$2")"
  success ;;
*)
  echo '{"status": "Not supported"}'
  exit 1 ;;
esac
