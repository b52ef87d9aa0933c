#!/bin/sh
# The first process of the guest. The root is the host's, read-only; what is written goes to memory, or to
# $LAB_DIRECTORY of the host, which is mounted writable. /run hides the host's own.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /run
mkdir -p /run/lab /run/sshd /run/home /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t hostfs -o "$LAB_DIRECTORY" none /run/lab

# The guest ends with the process that has started it, also where that was killed.
mkdir /run/host-processes
mount -t hostfs -o /proc none /run/host-processes
while [ -e "/run/host-processes/$LAB_PROCESS" ]; do sleep 1; done && echo o >/proc/sysrq-trigger &

export PATH="$LAB_TOOLS/sbin:$LAB_TOOLS/usr/sbin:$LAB_TOOLS/bin:$LAB_NODE:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export LD_LIBRARY_PATH="$LAB_TOOLS/lib/$(uname -m)-linux-gnu" HOME=/run/home TMPDIR=/run
# There is no udev: dmsetup makes the nodes itself.
export DM_DISABLE_UDEV=1
modprobe -a -d "$LAB_TOOLS" dm-mod dm-flakey dm-log-writes dm-snapshot dm-thin-pool ext4 loop

node /run/lab/guest.mjs
echo "the tests ended with exit code $?"
echo o >/proc/sysrq-trigger
sleep 5
