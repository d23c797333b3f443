#!/bin/sh
# docker.sh: a Docker engine that answers, and the images that the integration tests run in.
# Where that can't be had the integration tests are skipped, with the reason; with CI=true it is a failure.
set -u
here=$(dirname "$0")
repository=$here/../..

answers() { docker info >/dev/null 2>&1; }

start_engine() {
    if [ -d /run/systemd/system ]; then
        systemctl start docker && answers
        return
    fi
    log=/tmp/understudy-dockerd.log
    setsid dockerd >$log 2>&1 </dev/null &
    engine=$!
    for attempt in $(seq 120); do
        kill -0 $engine 2>/dev/null || break
        answers && return 0
        sleep 0.5
    done
    echo "dockerd can't run here; $log ends with: $(grep -v 'level=info' $log | tail -n 2 | cut -c1-300)" >&2
    return 1
}

engine() {
    answers && return 0
    command -v dockerd >/dev/null || sh "$here/apt.sh" docker.io || return 1
    answers && return 0 # the package may have started it
    if [ "$(id -u)" != 0 ]; then
        echo "Docker does not answer to this user, and only root can start it" >&2
        return 1
    fi
    start_engine
}

images() {
    # debootstrap makes base images where none can be pulled; docker-compose is for the compose file's own test.
    docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || sh "$here/apt.sh" docker-compose
    command -v debootstrap >/dev/null || sh "$here/apt.sh" debootstrap
    "${PYTHON:-python3}" "$repository/docker/images/build.py"
}

engine && images && exit 0
if [ "${CI:-}" = true ]; then
    echo "no Docker engine with all images, and CI=true: the integration tests can't be skipped" >&2
    exit 1
fi
echo "going on without: integration tests that lack Docker or an image are skipped" >&2
