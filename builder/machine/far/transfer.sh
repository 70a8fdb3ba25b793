# shellcheck shell=sh
# What goes to and fro. Sourced by far.sh. Everything in the results belongs to strangers, and is read here by the root
# of the machine: no link is followed.

# describe: what `probe` wants to know.
describe() {
  found=
  if command -v mock >/dev/null 2>&1; then found="$found mock"; fi
  for program in dnf5 dnf; do
    if command -v "$program" >/dev/null 2>&1 && command -v rpm >/dev/null 2>&1; then
      found="$found dnf"
      break
    fi
  done
  printf 'architecture=%s engines=%s\n' "$(uname -m)" "$(printf '%s' "${found# }" | tr ' ' ,)"
}

# size_of FILE: 0 for what is not a plain file.
size_of() {
  if [ -f "$1" ] && [ ! -h "$1" ]; then stat -c %s "$1"; else printf '0'; fi
}

# bytes FILE OFFSET COUNT
bytes() {
  dd if="$1" iflag=nofollow,nonblock,skip_bytes,count_bytes,fullblock bs=65536 skip="$2" count="$3" 2>/dev/null
}

# received: how much of the inputs is here; "all" once they were unpacked.
received() {
  need_task "$1"
  if [ -d "$box/work/plan" ]; then printf 'all\n'; else printf '%s\n' "$(size_of "$directory/inputs")"; fi
}

# receive TASK OFFSET: at that place, so that a repetition writes the same bytes where they belong.
receive() {
  need_task "$1"
  if [ "$2" -eq 0 ]; then rm -f "$directory/inputs"; fi
  dd of="$directory/inputs" oflag=seek_bytes conv=notrunc bs=65536 seek="$2" 2>/dev/null ||
    die 'the inputs cannot be written; is the disk of the machine full?'
}

# unpack TASK SHA256
unpack() {
  need_task "$1"
  if [ -d "$box/work/plan" ]; then return; fi
  digest=$(sha256sum <"$directory/inputs")
  if [ "${digest%% *}" != "$2" ]; then
    rm -f "$directory/inputs"
    die 'the inputs have arrived damaged'
  fi
  mkdir -p "$box/control" "$box/results" "$box/root" && chmod 0711 "$box" &&
    chmod 0755 "$box/control" "$box/results" "$box/root"
  rm -rf "$box/work.new"
  mkdir "$box/work.new"
  if ! tar -xf "$directory/inputs" -C "$box/work.new" --no-same-owner --no-same-permissions; then
    die 'the inputs cannot be unpacked; is the disk of the machine full?'
  fi
  if ! chmod -R u+rwX,go+rX "$box/work.new" || ! mv "$box/work.new" "$box/work"; then
    die 'the inputs cannot be put in place'
  fi
  rm -f "$directory/inputs"
}

# poll TASK OFFSET MOST: a line about the run, then the log's next bytes. The state is looked at before the log: when it
# says that all is over, the log's size is its last.
poll() {
  if [ -f "$box/control/tunnel" ]; then touch "$box/control/tunnel"; fi
  state=$(state_of "$1")
  verdict=no
  if [ "$(size_of "$box/results/verdict.json")" -gt 0 ]; then verdict=yes; fi
  log=$box/results/builder-live.log
  size=$(size_of "$log")
  count=$((size - $2))
  if [ "$count" -lt 0 ]; then count=0; fi
  if [ "$count" -gt "$3" ]; then count=$3; fi
  printf 'kopr %s %s %s %s\n' "$state" "$verdict" "$size" "$count"
  if [ "$count" -gt 0 ]; then bytes "$log" "$2" "$count"; fi
}

# results TASK: size, digest and name of each plain file; "odd" and a number for the rest.
results() {
  need_task "$1"
  odd=0
  count=0
  for file in "$box/results"/* "$box/results"/.[!.]*; do
    name=${file##*/}
    case $name in
      '*' | '.[!.]*' | .verdict.tmp) if [ ! -e "$file" ] && [ ! -h "$file" ]; then continue; fi ;;
    esac
    case $name in
      *[!A-Za-z0-9._+~^:@%=,-]* | .*) odd=$((odd + 1)) && continue ;;
    esac
    if [ ! -f "$file" ] || [ -h "$file" ]; then odd=$((odd + 1)) && continue; fi
    count=$((count + 1))
    if [ "$count" -gt 2100 ]; then odd=$((odd + 1)) && continue; fi
    size=$(size_of "$file")
    digest=$(bytes "$file" 0 "$size" | sha256sum)
    printf '%s %s %s\n' "$size" "${digest%% *}" "$name"
  done
  printf 'odd %d\n' "$odd"
}

# complaint TASK: the last words of a run that ended without a verdict.
complaint() {
  need_task "$1"
  tail -n 5 "$directory/run.out" 2>/dev/null | cut -c 1-500
}

# read_result TASK NAME OFFSET COUNT
read_result() {
  need_task "$1"
  case $2 in */* | .* | '') die 'this is not the name of a result' ;; esac
  if [ ! -f "$box/results/$2" ] || [ -h "$box/results/$2" ]; then die 'there is no such result'; fi
  bytes "$box/results/$2" "$3" "$4"
}
