#!/bin/bash
# Makes the image on the backup host equal to a local raw disk image of a virtual machine.
# The machine must be shut down.
set -euo pipefail

image=/var/lib/libvirt/images/mail.img

format=$(qemu-img info --output=json "$image" | jq --raw-output .format)
if [[ $format != raw ]]; then
  echo "$image: the format is $format, not raw" >&2
  exit 1
fi

# A running machine has its image open.
if fuser --silent "$image"; then
  echo "$image is in use" >&2
  exit 1
fi

basyn --local="$image" --remote=/srv/backup/mail.img --host=backup.example.org \
  --action=PUSH --mode=SYNC
