#!/bin/sh
# Try a whole server in a virtual machine: Debian's own kernel, systemd, cgroup v2. For developers; needs root, and the
# packages qemu-system-x86 debootstrap e2fsprogs git openssh-client (Debian). It downloads about 1 GB.
#   deploy/try-in-vm.sh build    make the disk from Debian's packages and the committed HEAD
#   deploy/try-in-vm.sh start    start the machine; ends when it can be logged in to
#   deploy/try-in-vm.sh run …    run a command in it, as root; the project is in /srv/singlecell
#   deploy/try-in-vm.sh stop     end the machine; the disk stays
# VM names its directory (4 GB), SUITE the Debian; ACCEL=tcg emulates where KVM cannot be used, many times slower.
set -eu
cd "$(dirname "$0")/.."
vm=${VM:-/var/tmp/singlecell-vm} suite=${SUITE:-bookworm} port=${SSH_PORT:-2299}
packages=systemd-sysv,dbus,udev,libpam-systemd,linux-image-amd64,initramfs-tools,ca-certificates,git,make,procps,curl
packages=$packages,openssh-server,python3,python3-venv,libcurl4,nginx-light,iproute2

say() { printf 'try-in-vm: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 3
}

in_vm() {
    ssh -q -p "$port" -i "$vm/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=20 \
        root@127.0.0.1 "$@"
}

build() {
    [ "$(id -u)" = 0 ] || fail "needs root: debootstrap makes a tree of files that root owns"
    mkdir -p "$vm"
    root=$vm/root
    rm -rf "$root" "$vm/disk"
    mirror=$(cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null |
        sed -n 's/#.*//; s|.*\(https\{0,1\}://[^ ]*\).*|\1|p' | head -n 1)
    say "installing Debian $suite; its messages are in $vm/debootstrap.log"
    debootstrap --include="$packages" "$suite" "$root" "${mirror:-http://deb.debian.org/debian}" \
        >"$vm/debootstrap.log" 2>&1 || fail "debootstrap failed; see $vm/debootstrap.log"
    [ -e "$vm/key" ] || ssh-keygen -q -t ed25519 -N '' -f "$vm/key"
    install -d -m 0700 "$root/root/.ssh"
    cp "$vm/key.pub" "$root/root/.ssh/authorized_keys"
    echo cells >"$root/etc/hostname"
    printf '127.0.0.1 localhost cells\n' >"$root/etc/hosts"
    printf '/dev/vda / ext4 errors=remount-ro 0 1\n' >"$root/etc/fstab"
    printf '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/10-any.network"
    echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
    chroot "$root" systemctl -q enable systemd-networkd
    chroot "$root" systemctl -q mask systemd-networkd-wait-online
    # What this machine needs to reach its package sources, that one needs too.
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    [ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"
    git clone -q "$PWD" "$root/srv/singlecell"
    cp "$(ls "$root"/boot/vmlinuz-* | tail -n 1)" "$vm/kernel"
    cp "$(ls "$root"/boot/initrd.img-* | tail -n 1)" "$vm/initrd"
    truncate -s 12G "$vm/disk"
    mke2fs -q -t ext4 -d "$root" "$vm/disk"
    rm -rf "$root"
    say "made $vm/disk; next: deploy/try-in-vm.sh start"
}

start() {
    [ -e "$vm/disk" ] || fail "there is no $vm/disk; make it with: deploy/try-in-vm.sh build"
    accel=${ACCEL:-kvm}
    [ "$accel" = kvm ] && cpu=host || cpu=max
    setsid qemu-system-x86_64 -accel "$accel" -cpu "$cpu" -smp 2 -m 5120 -nodefaults -display none \
        -serial "file:$vm/console.log" -kernel "$vm/kernel" -initrd "$vm/initrd" \
        -append "root=/dev/vda ro console=ttyS0 quiet" -drive "file=$vm/disk,format=raw,if=virtio,cache=unsafe" \
        -netdev "user,id=net,hostfwd=tcp:127.0.0.1:$port-:22" -device virtio-net-pci,netdev=net \
        -device virtio-rng-pci -pidfile "$vm/pid" >"$vm/qemu.log" 2>&1 </dev/null &
    qemu=$!
    for _ in $(seq "${START_S:-300}"); do
        ! in_vm true || {
            say "it runs: deploy/try-in-vm.sh run uname -r"
            return
        }
        kill -0 "$qemu" 2>/dev/null || fail "the machine ended: $(tail -n 1 "$vm/qemu.log")"
        sleep 1
    done
    fail "nobody can log in to the machine; see $vm/console.log, and try ACCEL=tcg"
}

case ${1:-} in
build) build ;;
start) start ;;
run)
    shift
    in_vm "$@"
    ;;
stop) in_vm poweroff || kill "$(cat "$vm/pid")" ;;
*) fail "say build, start, run or stop" ;;
esac
