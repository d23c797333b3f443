"""The stacks and the peers: static JSON behind nginx, nginx's proxy and mirror, Envoy's mirror.

All serve the same few targets: /users (1 KB), /users/ANYTHING (the same), /large (100 KB), /order (takes a POST).
The "different" stack's documents have one other number and one other time.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from machine import Tools
from processes import Ports, Processes, wait_for

STACKS = ("old", "same", "different")
_BACKENDS = Template("""
    server { listen 127.0.0.1:$port; root $root;
      location ~ ^/users/ { try_files /users =404; }
      location = /order { return 201 '$order'; } }""")
_HTTP = Template("""
daemon off; worker_processes 1; pid $name.pid; error_log $name.err; $user
events { worker_connections 16384; }
http { access_log off; keepalive_requests 100000000; default_type application/json; open_file_cache max=16;
  client_body_temp_path $name-body; proxy_temp_path $name-proxy; fastcgi_temp_path $name-fastcgi;
  uwsgi_temp_path $name-uwsgi; scgi_temp_path $name-scgi;
  $servers }
""")
_MIRROR = Template("""
  upstream old { server 127.0.0.1:$old; keepalive 256; keepalive_requests 100000000; }
  upstream new { server 127.0.0.1:$same; keepalive 256; keepalive_requests 100000000; }
  proxy_http_version 1.1; proxy_set_header Connection "";
  server { listen 127.0.0.1:$plain; location / { proxy_pass http://old; } }
  server { listen 127.0.0.1:$mirror;
    location / { mirror /m; proxy_pass http://old; }
    location = /m { internal; proxy_pass http://new$$request_uri; } }""")


class Subject(NamedTuple):
    """Something to send requests to; `pid` is the root of the processes whose CPU time counts, 0 for none."""

    name: str
    port: int
    pid: int = 0


class Peers(NamedTuple):
    """Everything that stands around the proxy under test."""

    stacks: dict[str, int]  # the stack's name -> port
    backend: Subject
    nginx_plain: Subject
    nginx_mirror: Subject
    envoy: Subject


def start(processes: Processes, ports: Ports, tools: Tools) -> Peers:
    """Start the three stacks and the three peers, and wait until each answers."""
    folder = processes.folder
    stacks = {name: ports.take() for name in STACKS}
    for name in STACKS:
        _write_documents(folder / name, _document(13, name), _document(1300, name))
    servers = "".join(_stack(folder / name, port, name) for name, port in stacks.items())
    backend = Subject("backend itself", stacks["old"], _nginx(processes, tools, "backends", servers))
    plain, mirror, envoy = (ports.take() for _ in range(3))
    proxies = _MIRROR.substitute(stacks, plain=plain, mirror=mirror)
    nginx = _nginx(processes, tools, "nginx", proxies)
    peers = Peers(
        stacks,
        backend,
        Subject("nginx proxy", plain, nginx),
        Subject("nginx mirror", mirror, nginx),
        Subject("envoy mirror", envoy, _envoy(processes, tools, envoy, stacks)),
    )
    for port in (*stacks.values(), plain, mirror, envoy):
        wait_for(partial(answers, f"http://127.0.0.1:{port}/users"), f"port {port} answers", 20)
    return peers


def answers(url: str) -> bool:
    """Whether a GET of `url` gives 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _document(users: int, stack: str) -> bytes:
    people: list[dict[str, Any]] = [
        {"id": i, "name": f"user{i}", "email": f"user{i}@example.com", "score": i * 3.5} for i in range(users)
    ]
    at = "2026-11-21T05:00:00.000Z"
    if stack == "different":
        people[7]["score"] = 24.5000001
        at = "2026-11-21T05:00:00.417Z"
    return json.dumps({"users": people, "served_at": at}).encode()


def _write_documents(root: Path, users: bytes, large: bytes) -> None:
    root.mkdir()
    (root / "users").write_bytes(users)
    (root / "large").write_bytes(large)


def _stack(root: Path, port: int, name: str) -> str:
    order = json.dumps({"order": 4711, "state": "new", "total": "24.50" if name != "different" else "24.5"})
    return _BACKENDS.substitute(port=port, root=root, order=order)


def _nginx(processes: Processes, tools: Tools, name: str, servers: str) -> int:
    user = "user root;" if os.geteuid() == 0 else ""  # its workers must be able to read the temporary folder
    path = processes.folder / f"{name}.conf"
    path.write_text(_HTTP.substitute(name=processes.folder / name, user=user, servers=servers))
    return processes.start(name, [tools.nginx, "-p", processes.folder, "-c", path, "-e", f"{path}.err"])


def _envoy(processes: Processes, tools: Tools, port: int, stacks: dict[str, int]) -> int:
    """One thread, as one worker. This build ends by itself when its parent does: started directly, it ends with us."""
    path = processes.folder / "envoy.json"
    path.write_text(json.dumps(_envoy_settings(port, stacks["old"], stacks["same"])))
    options = ["--concurrency", "1", "--use-dynamic-base-id", "-l", "error"]
    return processes.start("envoy", [tools.envoy, "-c", path, *options])


def _envoy_settings(port: int, old: int, new: int) -> dict[str, Any]:
    extensions = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{extensions}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "i",
        "route_config": {"virtual_hosts": [{"name": "a", "domains": ["*"], "routes": [_ENVOY_ROUTE]}]},
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{extensions}.http.router.v3.Router"}}
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listener = {"address": _address(port), "filter_chains": [{"filters": filters}]}
    return {"static_resources": {"listeners": [listener], "clusters": [_cluster("old", old), _cluster("new", new)]}}


_ENVOY_ROUTE = {
    "match": {"prefix": "/"},
    "route": {"cluster": "old", "request_mirror_policies": [{"cluster": "new"}]},
}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _cluster(name: str, port: int) -> dict[str, Any]:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}]
    return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": endpoints}}
