#!/bin/sh
# The control interface of the hypervisor: what a host with libvirt offers to those who may log in to it.
#   vm new NAME [ARCH]    makes and starts a machine; prints how to reach it, as YAML
#   vm delete NAME        ends it and removes all that is left of it; no error when there is none
#   vm check NAME         succeeds if it runs and its sshd answers
#   vm list               names of all machines, also of those that have died
# and, for tests alone:
#   vm kill NAME          as if the power was cut
#   vm cut NAME           pulls the plug of its network; vm mend NAME puts it back
#   vm console NAME       what it has said on its console
#   vm run NAME COMMAND…  what a command says that root runs there
# A machine is a directory with its disk. It appears with everything in it or not at all, and whatever is interrupted is
# put in order by "delete".
set -eu

machines=${VM_MACHINES:-/machines}
images=${VM_IMAGES:-/usr/share/kopr-test/machines}
authorized_keys=${VM_AUTHORIZED_KEYS:-/etc/kopr-test/ssh/machine_keys}
machine_key=${VM_MACHINE_KEY:-/etc/kopr-test/ssh/machine_key}
# Address that the machines' ports are bound to, and the one that others find them under.
bind=${VM_BIND:-0.0.0.0}
address=${VM_ADDRESS:-}
first_port=${VM_FIRST_PORT:-2300}
memory=${VM_MEMORY:-1024}
cpus=${VM_CPUS:-2}
# Machines at the same time; each takes its memory and some more.
most=${VM_MOST:-4}

fail() {
  printf 'vm: %s\n' "$*" >&2
  exit 1
}

# The name of a machine is a directory's, so nothing may hide in it.
checked() {
  case $1 in
    '' | *[!a-z0-9.-]* | [!a-z0-9]*) fail "'$1' is no name of a machine: small letters, digits, '-' and '.'" ;;
  esac
  printf '%s\n' "$1"
}

# running NAME: a process that has ended but that nobody has waited for yet has no command line any more.
running() {
  pid=$(cat "$machines/$1/pid" 2>/dev/null) && [ -n "$pid" ] &&
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "kopr-vm-$1"
}

known() {
  [ -d "$machines/$1" ] || fail "there is no machine '$1'"
}

monitor() {
  printf '%s\n' "$2" | socat -t 5 - "UNIX-CONNECT:$machines/$1/monitor" >/dev/null
}

# Asks for the banner of its sshd, which comes before anybody logs in. An emulated machine may take its time for it.
answers() {
  timeout 30 socat -t 25 -u "TCP:127.0.0.1:$(cat "$machines/$1/port")" - 2>/dev/null | head -c 4 | grep -q '^SSH-'
}

run() {
  name=$1
  shift
  known_hosts=$machines/$name/seed/known_hosts
  printf 'machine %s\n' "$(cat "$machines/$name/seed/ssh_host_ed25519_key.pub")" >"$known_hosts"
  ssh -F none -i "$machine_key" -p "$(cat "$machines/$name/port")" -o BatchMode=yes -o ConnectTimeout=60 \
    -o HostKeyAlias=machine -o StrictHostKeyChecking=yes -o "UserKnownHostsFile=$known_hosts" root@127.0.0.1 "$@"
}

free_port() {
  port=$first_port
  while cat "$machines"/*/port 2>/dev/null | grep -qx "$port"; do port=$((port + 1)); done
  printf '%s\n' "$port"
}

# describe NAME: how to reach it, with the one host key that it has.
describe() {
  cat <<YAML
---
host: ${address:-$(hostname -i | cut -d ' ' -f 1)}
ssh_port: $(cat "$machines/$1/port")
user: root
host_key: $(cut -d ' ' -f 1,2 "$machines/$1/seed/ssh_host_ed25519_key.pub")
YAML
}

start() {
  directory=$machines/$1
  arch=$(cat "$directory/arch")
  case $arch in
    x86_64)
      set -- qemu-system-x86_64 -machine q35 -cpu max
      console=ttyS0
      # Where time passes in jumps the kernel would think that it has no timer.
      options=no_timer_check
      ;;
    aarch64)
      set -- qemu-system-aarch64 -machine virt -cpu cortex-a57
      console=ttyAMA0
      options=
      ;;
    *) fail "nothing here emulates '$arch'" ;;
  esac
  # Disks of different kinds: which of two NVMe ones the kernel finds first is chance.
  # restrict: the machine reaches nothing, and only the port of its sshd leads to it.
  "$@" -name "kopr-vm-$(basename "$directory")" -accel tcg,thread=multi -m "$memory" -smp "$cpus" \
    -nodefaults -no-user-config -no-reboot -display none \
    -serial "file:$directory/console" -monitor "unix:$directory/monitor,server=on,wait=off" \
    -kernel "$images/$arch/vmlinuz" \
    -append "root=/dev/nvme0n1 rw console=$console quiet panic=-1 mitigations=off $options init=/usr/sbin/kopr-init" \
    -drive "if=none,id=root,format=qcow2,cache=unsafe,file=$directory/disk" -device nvme,serial=kopr,drive=root \
    -drive "if=none,id=seed,format=raw,readonly=on,file=$directory/seed.tar" -device virtio-blk-pci,drive=seed \
    -netdev "user,id=net,restrict=on,hostfwd=tcp:$bind:$(cat "$directory/port")-10.0.2.15:22" \
    -device virtio-net-pci,id=nic,netdev=net,romfile= \
    -pidfile "$directory/pid" -daemonize
}

# Run under the lock of all changes. The second one with the same name finds what the first has made.
new() {
  name=$1 arch=$2
  case $arch in *[!a-z0-9_]*) fail "'$arch' is no architecture" ;; esac
  if ! running "$name"; then
    [ -f "$images/$arch/disk.qcow2" ] || fail "there is no image for '$arch'; there are: $(cd "$images" && echo *)"
    delete "$name"
    [ "$(list | wc -l)" -lt "$most" ] || fail "there are $most machines already, which is all this host has room for"
    part=$machines/.part
    rm -rf "$part"
    mkdir -p "$part/seed"
    printf '%s\n' "$arch" >"$part/arch"
    free_port >"$part/port"
    ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$part/seed/ssh_host_ed25519_key"
    cp "$authorized_keys" "$part/seed/authorized_keys"
    printf '%s\n' "$name" >"$part/seed/hostname"
    tar -C "$part/seed" --owner=0 --group=0 -cf "$part/seed.tar" .
    qemu-img create -q -f qcow2 -F qcow2 -b "$images/$arch/disk.qcow2" "$part/disk"
    mv "$part" "$machines/$name"
    start "$name"
  fi
  describe "$name"
}

delete() {
  tries=0
  while running "$1"; do
    [ "$tries" -lt 50 ] || fail "the machine '$1' (process $pid) does not end"
    kill -KILL "$pid" 2>/dev/null || true
    tries=$((tries + 1))
    sleep 0.1
  done
  rm -rf "${machines:?}/$1"
}

list() {
  for directory in "$machines"/*/; do
    [ -f "$directory/arch" ] && basename "$directory"
  done
  return 0
}

mkdir -p "$machines"
command=${1:-}
case $command in
  new | delete | kill)
    name=$(checked "${2:-}")
    exec 9>"$machines/.lock"
    flock --timeout 60 9 || fail 'another command has not ended within a minute'
    # The machine's process must not keep the lock.
    case $command in
      new) new "$name" "${3:-x86_64}" 9>&- ;;
      delete) delete "$name" ;;
      kill) known "$name" && running "$name" && kill -KILL "$pid" ;;
    esac
    ;;
  check)
    name=$(checked "${2:-}")
    known "$name"
    running "$name" || fail "the machine '$name' does not run"
    answers "$name" || fail "the sshd of the machine '$name' does not answer"
    ;;
  cut) name=$(checked "${2:-}") && known "$name" && monitor "$name" 'set_link nic off' ;;
  mend) name=$(checked "${2:-}") && known "$name" && monitor "$name" 'set_link nic on' ;;
  console) name=$(checked "${2:-}") && known "$name" && cat "$machines/$name/console" ;;
  run) name=$(checked "${2:-}") && known "$name" && shift 2 && run "$name" "$@" ;;
  list) list ;;
  *) fail "unknown command '$command'; there are: new, delete, check, list, kill, cut, mend, console, run" ;;
esac
