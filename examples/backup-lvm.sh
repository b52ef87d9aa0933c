#!/bin/bash
# Makes /dev/vg1/mail on the backup host equal to a snapshot of the local /dev/vg0/mail.
# Exit code 0: the sync succeeded, and the snapshot is removed.
set -euo pipefail

lvcreate --snapshot --size 10G --name mail-snap /dev/vg0/mail > /dev/null
trap 'lvremove --yes /dev/vg0/mail-snap > /dev/null' EXIT
# After a signal, bash waits for basyn to end. Then it removes the snapshot.
trap 'exit 2' HUP INT TERM

basyn --local=/dev/vg0/mail-snap --remote=/dev/vg1/mail --host=backup.example.org \
  --action=PUSH --mode=SYNC
