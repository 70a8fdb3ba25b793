#!/bin/sh
# Redis for kopr: a cache without a disk. One user "kopr" with the password of a Secret sees the keys "kopr:*" and has no
# command that changes the server. Arguments are given to redis-server.
set -eu
umask 077

password_file=${KOPR_PASSWORD_FILE:-/etc/kopr/redis/password}
config=${KOPR_REDIS_CONF:-/etc/kopr/redis.conf}
work=${KOPR_WORK_DIR:-/tmp}

fail() {
  printf 'kopr-redis: %s\n' "$1" >&2
  exit 1
}

[ -r "$password_file" ] || fail "the password file $password_file cannot be read; mount the Secret of Redis"
password=$(cat "$password_file")
[ -n "$password" ] || fail "the password file $password_file is empty; put a password into the Secret of Redis"

# The hash and not the password: nothing in it has to be quoted.
hash=$(printf '%s' "$password" | sha256sum | cut -d ' ' -f 1)
unset password
printf 'user default off\nuser kopr on #%s ~kopr:* &kopr:* +@all -@admin -@dangerous\n' "$hash" >"$work/users.acl"
exec redis-server "$config" --aclfile "$work/users.acl" --dir "$work" "$@"
