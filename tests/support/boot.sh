#!/bin/sh
# The first process of a machine under test, until it becomes systemd. It runs in namespaces of its own, still on the root of
# the host, and lays the machine's root over it.
#
#   boot.sh DISK {over|on} ROOT [FILE-OF-THE-HOST PATH-IN-THE-MACHINE]...
#
# DISK holds upper/, work/ and root/. With "over", ROOT is the value of overlayfs's lowerdir and stays as it is; with "on", it
# is a directory that the machine writes to. It prints its process id as the host sees it, waits for a line before it goes on,
# and prints another when the host's files are out of reach.
set -eu

disk=$1 way=$2 root=$3
shift 3

# The proc of the host is still mounted, so "self" is named by the host's numbers.
read -r host_pid _ </proc/self/stat
echo "$host_pid"
read -r _

case $way in
    over) mount -t overlay overlay -o "lowerdir=$root,upperdir=$disk/upper,workdir=$disk/work" "$disk/root" ;;
    on) mount --bind "$root" "$disk/root" ;;
esac
cd "$disk/root"

mount -t proc proc proc
# The kernel's settings are the host's.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
[ ! -e proc/sysrq-trigger ] || mount --bind /dev/null proc/sysrq-trigger
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup

mount -t tmpfs -o mode=755,nosuid tmpfs dev
for node in null zero full random urandom tty; do
    : >"dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr

mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
# Each start of the machine is one of its own, although the kernel is that of the host.
cat /proc/sys/kernel/random/uuid >run/boot-id
mount --bind run/boot-id proc/sys/kernel/random/boot_id

rm -f etc/resolv.conf etc/hosts
cp -L /etc/resolv.conf etc/resolv.conf
{ cat /etc/hosts; echo "127.0.1.1 box"; } >etc/hosts
echo box >etc/hostname

while [ $# -gt 0 ]; do
    mkdir -p ".$(dirname "$2")"
    if [ -d "$1" ]; then mkdir -p ".$2"; else : >>".$2"; fi
    mount --bind "$1" ".$2"
    shift 2
done

pivot_root . mnt
umount -l /mnt
cd /
# As the kernel gives it to a systemd that boots; credentials take it up to systemd 257.
mount --make-rshared /
echo "on its own root"

exec env -i container=other PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio \
    /lib/systemd/systemd --system </dev/null >/dev/null 2>&1
