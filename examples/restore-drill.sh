#!/bin/bash
# Restores the image from the backup host into a scratch file, then checks and mounts its file system.
# Exit code 0: the backup can be restored and mounted.
set -euo pipefail

scratch=$(mktemp --directory /var/tmp/restore-drill.XXXXXX)
trap 'rm --recursive "$scratch"' EXIT
# After a signal, bash waits for the running command to end. Then it cleans up.
trap 'exit 2' HUP INT TERM

basyn --local="$scratch/mail.img" --remote=/srv/backup/mail.img --host=backup.example.org \
  --action=POP --mode=COPY --create

# This replays the journal, which a snapshot of a mounted file system needs. Exit code 1: errors were corrected.
e2fsck -f -p "$scratch/mail.img" || [[ $? == 1 ]]

mkdir "$scratch/mounted"
mount -o loop,ro "$scratch/mail.img" "$scratch/mounted"
trap 'umount "$scratch/mounted" && rm --recursive "$scratch"' EXIT

# Replace this by a check of the data, for example the age of the newest file.
ls -l "$scratch/mounted"
