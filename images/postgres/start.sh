#!/bin/sh
# PostgreSQL for kopr: one database "kopr" of one role "kopr" that logs in from other pods with the password of a Secret.
# Arguments are given to postgres. It may be killed at any line: what is half made is made anew, the rest is repeated.
set -eu
umask 077

data=${KOPR_DATA_DIR:-/data}
password_file=${KOPR_PASSWORD_FILE:-/etc/kopr/database/password}
hba_file=${KOPR_HBA_FILE:-/etc/kopr/pg_hba.conf}
# The socket is for probes and for who may run commands in this container.
socket_dir=${KOPR_SOCKET_DIR:-/tmp}
cluster=$data/cluster

fail() {
  printf 'kopr-postgres: %s\n' "$1" >&2
  exit 1
}

# The newest one, should there be several.
for bin in /usr/lib/postgresql/*/bin; do :; done
[ -x "$bin/postgres" ] || fail 'there is no PostgreSQL in /usr/lib/postgresql; install the package postgresql'
[ -r "$password_file" ] || fail "the password file $password_file cannot be read; mount the Secret of the database"
password=$(cat "$password_file")
[ -n "$password" ] || fail "the password file $password_file is empty; put a password into the Secret of the database"
[ -w "$data/." ] || fail "the directory $data is missing or cannot be written; mount a volume there"

# Statements come by standard input: arguments are seen by everybody, and a failed statement must not get into the log.
single() {
  "$bin/postgres" --single -j -D "$1" -c exit_on_error=on -c log_min_error_statement=panic \
    -c unix_socket_directories="$socket_dir" postgres >/dev/null
}

if [ ! -d "$cluster" ]; then
  printf 'kopr-postgres: making a new database in %s\n' "$cluster" >&2
  rm -rf "$cluster.new"
  "$bin/initdb" -D "$cluster.new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --data-checksums \
    --auth-local=trust --auth-host=reject --no-instructions >/dev/null
  printf 'CREATE ROLE kopr LOGIN;\n\nCREATE DATABASE kopr OWNER kopr;\n\n' | single "$cluster.new"
  sync
  mv -T "$cluster.new" "$cluster"
  sync "$data"
fi
made_by=$(cat "$cluster/PG_VERSION")
version=$("$bin/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
[ "$made_by" = "$version" ] ||
  fail "the data is that of PostgreSQL $made_by and this is $version; dump it with the older image and restore it here, or run pg_upgrade"

# The owner of a volume's files may have been given to its group, which PostgreSQL refuses.
chmod 0700 "$cluster"
# Each time, so that the Secret holds the password whatever was changed.
printf "ALTER ROLE kopr PASSWORD '%s';\n\n" "$(printf '%s' "$password" | sed "s/'/''/g")" | single "$cluster"
unset password
exec "$bin/postgres" -D "$cluster" -c hba_file="$hba_file" -c listen_addresses='*' \
  -c unix_socket_directories="$socket_dir" -c password_encryption=scram-sha-256 "$@"
