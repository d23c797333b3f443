"""The settings, as frozen structs.

Each setting is declared once, here, with its type, bounds, default and help. `understudy init`, the error
messages and the documentation's table are made from these declarations; `configfile` reads them from
understudy.toml and the environment.
"""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

ALWAYS_MASKED = ("authorization", "cookie", "set-cookie", "proxy-authorization", "x-api-key")

Milliseconds = Annotated[int, Meta(ge=1, le=3_600_000)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class Section(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False):
    """A table of the settings file."""


class Proxy(Section, frozen=True):
    """Where users arrive, and how the proxy is asked about itself."""

    listen: Annotated[
        str | list[str],
        Meta(description="address:port to serve users on; several as a list; [::1]:8080 for IPv6"),
    ] = "0.0.0.0:8080"
    tls_cert: Annotated[
        str, Meta(description="PEM file with the certificate chain; with tls_key, listen speaks TLS")
    ] = ""
    tls_key: Annotated[str, Meta(description="PEM file with the certificate's private key")] = ""
    control: Annotated[str, Meta(description="address:port of health, metrics and the API; empty for none")] = (
        "127.0.0.1:8081"
    )
    token_file: Annotated[
        str, Meta(description="file whose content is the API's bearer token; required where control is not loopback")
    ] = ""
    workers: Annotated[
        Annotated[int, Meta(ge=1, le=256)] | Literal["auto"],
        Meta(description='processes that share the port; "auto" is one a core'),
    ] = 1
    max_connections: Annotated[
        int, Meta(ge=1, le=1_000_000, description="clients of one worker at once; beyond it, 503")
    ] = 10_000
    drain_ms: Annotated[
        Milliseconds, Meta(description="how long requests in flight may go on after SIGTERM or a takeover")
    ] = 30_000
    hung_ms: Annotated[
        int,
        Meta(ge=3_000, le=3_600_000, description="a worker that stands still for so long, in a hook say, is replaced"),
    ] = 15_000


class Stack(Section, frozen=True):
    """A set of application servers with a database beneath."""

    role: Annotated[
        Literal["primary", "shadow"], Meta(description="primary answers the users; a shadow is only compared")
    ]
    url: Annotated[str, Meta(description="http://host:port or https://host:port")] = ""
    urls: Annotated[list[str], Meta(description="several addresses, used in turn, instead of url")] = []
    ca_file: Annotated[
        str, Meta(description="PEM file of the authority that signed an https stack; empty: the system's")
    ] = ""
    verify: Annotated[bool, Meta(description="false accepts any certificate of an https stack")] = True
    max_idle: Annotated[int, Meta(ge=0, le=100_000, description="connections of a worker kept open for reuse")] = 512

    def addresses(self) -> list[str]:
        """Every address of the stack, however it was written."""
        return list(self.urls) or [self.url]


class Mirror(Section, frozen=True):
    """Which requests the shadows get."""

    percent: Annotated[float, Meta(ge=0, le=100, description="share of the eligible requests to mirror")] = 100.0
    sample_by: Annotated[
        str,
        Meta(
            pattern=r"^(random|client|header:[A-Za-z0-9-]+|cookie:[^\s=;,]+)$",
            description='sample "random" requests, or all of the same "client", "header:NAME" or "cookie:NAME"',
        ),
    ] = "random"
    methods: Annotated[
        list[str], Meta(description="methods to mirror; only safe ones unless the shadow may be written to")
    ] = field(default_factory=lambda: ["GET", "HEAD"])
    skip_paths: Annotated[
        list[str], Meta(description="regular expressions; a path that one of them finds is not mirrored")
    ] = []
    only_paths: Annotated[
        list[str], Meta(description="regular expressions; with any given, only paths that one finds are mirrored")
    ] = []
    max_in_flight: Annotated[Count, Meta(description="shadow requests of a worker at once, for each shadow")] = 256
    max_queued: Annotated[
        int,
        Meta(ge=0, le=1_000_000, description="shadow requests that may wait for a free place; beyond it they are shed"),
    ] = 256
    max_body_bytes: Annotated[
        int,
        Meta(ge=0, le=1 << 30, description="longer requests are not mirrored, longer responses are compared by digest"),
    ] = 1_048_576
    settle_ms: Annotated[
        Milliseconds, Meta(description="after how long old and new are asked again when a GET or HEAD differed")
    ] = 1_000
    settle_per_second: Annotated[
        int,
        Meta(ge=0, le=10_000, description="how many differing requests a worker asks again in a second; 0 for none"),
    ] = 10
    breaker_failures: Annotated[
        Count, Meta(description="so many failures more than successes, and a shadow is left alone")
    ] = 20
    breaker_probe_ms: Annotated[
        Milliseconds, Meta(description="after how long a shadow left alone is tried with one request")
    ] = 5_000


class Timeouts(Section, frozen=True):
    """All in milliseconds."""

    client_head: Annotated[
        Milliseconds,
        Meta(description="from a request's first byte to the end of its head, and between two pieces of its body"),
    ] = 10_000
    client_idle: Annotated[Milliseconds, Meta(description="a kept-alive client connection without a request")] = 75_000
    connect: Annotated[Milliseconds, Meta(description="connecting to a stack")] = 2_000
    primary: Annotated[Milliseconds, Meta(description="the primary's silence, before and within its answer")] = 60_000
    shadow: Annotated[Milliseconds, Meta(description="a shadow's whole answer")] = 10_000
    upstream_idle: Annotated[
        Milliseconds,
        Meta(description="an unused connection to a stack; choose it shorter than the stack's own keep-alive timeout"),
    ] = 4_000


class Masks(Section, frozen=True):
    """What is replaced by a keyed hash before anything is written: equal stays equal, secrets stay here."""

    headers: Annotated[list[str], Meta(description="headers whose values are masked, beside those masked always")] = []
    fields: Annotated[
        list[str],
        Meta(description="names of query parameters, form fields, JSON members, inputs and elements to mask"),
    ] = field(
        default_factory=lambda: [
            "password", "passwd", "pwd", "secret", "client_secret", "token", "access_token",
            "refresh_token", "id_token", "api_key", "apikey", "session_id", "card_number", "cvv",
        ]
    )  # fmt: skip
    patterns: Annotated[
        list[str], Meta(description="regular expressions; what they find in a body or target is masked")
    ] = []
    key_file: Annotated[
        str, Meta(description="file with the hash key, for masks that agree between machines; empty: made at start")
    ] = ""


class EndpointRule(Section, frozen=True):
    """An override of how paths are folded: `pattern` is matched against the whole path, `name` stands for it."""

    pattern: Annotated[str, Meta(description="regular expression for the whole path")]
    name: Annotated[str, Meta(description="what the endpoint is called")]


class Compare(Section, frozen=True):
    """What counts as a difference."""

    headers: Annotated[list[str], Meta(description='response headers to compare; "*" for all but the ignored')] = field(
        default_factory=lambda: [
            "content-type",
            "content-language",
            "content-disposition",
            "location",
            "www-authenticate",
            "cache-control",
        ]
    )
    ignore_headers: Annotated[list[str], Meta(description="response headers never compared")] = field(
        default_factory=lambda: [
            "date",
            "server",
            "x-request-id",
            "x-powered-by",
            "age",
            "etag",
            "last-modified",
            "expires",
            "content-length",
            "set-cookie",
        ]
    )
    ignore_paths: Annotated[
        list[str], Meta(description="paths in bodies to leave out, such as $.meta.took_ms or $.users[*].seen_at")
    ] = []
    samples: Annotated[
        int, Meta(ge=0, le=1_000, description="exchanges kept for each endpoint, path and kind of difference")
    ] = 5
    endpoints: Annotated[list[EndpointRule], Meta(description="overrides of how paths are folded into endpoints")] = []


class Verdict(Section, frozen=True):
    """When the shadow traffic proves that a new stack may take over."""

    min_requests: Annotated[
        int, Meta(ge=1, description="fewer judged requests are no evidence; noise and what settled are not counted")
    ] = 10_000
    min_endpoint_requests: Annotated[
        int, Meta(ge=1, description="an endpoint with fewer requests than this is not covered")
    ] = 20
    min_covered: Annotated[
        float, Meta(ge=0, le=1, description="the share of the requests that covered endpoints must have, from 0 to 1")
    ] = 0.95
    max_different: Annotated[
        float,
        Meta(
            ge=0.000001,
            le=1,
            description="the share of requests that may differ or fail; go wants 95 % certainty that it is no higher",
        ),
    ] = 0.001
    max_slower: Annotated[
        float,
        Meta(
            ge=1.25,
            description="an endpoint that the report calls slower stands against it from this ratio of new to old on: "
            "the median, or p95",
        ),
    ] = 1.25
    max_lost: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="the share of what was recorded that may be lost or unjudged, from 0 to 1; and of what there "
            "was for a shadow, that may have been shed or not recorded",
        ),
    ] = 0.01


class Recording(Section, frozen=True):
    """The segment files between the workers and the judge."""

    max_bytes: Annotated[int, Meta(ge=1 << 20, description="all segments together; beyond it the oldest go first")] = (
        1 << 30
    )
    max_age_s: Annotated[int, Meta(ge=1, description="a segment older than this is removed")] = 7 * 86_400
    segment_bytes: Annotated[
        int, Meta(ge=4096, le=1 << 30, description="a new segment is begun after this many bytes")
    ] = 8 << 20
    max_queued_bytes: Annotated[
        int,
        Meta(ge=4096, le=1 << 30, description="what a worker holds for a slow disk; beyond it exchanges go unrecorded"),
    ] = 16 << 20


class Fluentd(Section, frozen=True):
    """Where the judge ships differences and statistics; off while host is empty."""

    host: Annotated[str, Meta(description="fluentd's host; empty: nothing is shipped")] = ""
    port: Annotated[int, Meta(ge=1, le=65_535, description="fluentd's forward port")] = 24_224
    tag: Annotated[str, Meta(min_length=1, description="events are tagged TAG.difference and TAG.statistics")] = (
        "understudy"
    )
    max_queued: Annotated[
        Count, Meta(description="events held while fluentd is away; beyond it the oldest are dropped and counted")
    ] = 10_000


class Log(Section, frozen=True):
    """Understudy's own log, on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="the least severe level shown")] = (
        "info"
    )
    json: Annotated[bool, Meta(description="one JSON object a line, for a collector")] = False


class TreeLimits(Section, frozen=True):
    """Limits of one's own on a replication tree, instead of a preset."""

    replicas_per_source: Annotated[int, Meta(ge=1, le=1_000, description="the most replicas of one source")]
    levels: Annotated[int, Meta(ge=1, le=100, description="the most levels of replicas beneath a source")]
    retention_days: Annotated[
        int, Meta(ge=0, le=3_650, description="the least backup retention of a server with replicas; 0 for none")
    ] = 0
    whole_tree: Annotated[
        bool, Meta(description="true counts the new tree's levels from the old source, not from the new one")
    ] = False


class Tls(Section, frozen=True):
    """TLS to database servers."""

    ca: Annotated[
        str, Meta(description="PEM file of the authority that signed the servers' certificates; empty: the system's")
    ] = ""
    verify: Annotated[
        Literal["identity", "ca", "none"],
        Meta(description='"identity" wants a known authority and the server\'s name, "ca" the authority alone'),
    ] = "identity"
    required: Annotated[bool, Meta(description="false speaks plaintext to servers that offer no TLS at all")] = False
    minimum: Annotated[
        Literal["1.0", "1.2", "1.3"], Meta(description="oldest TLS version; MySQL 5.6 may know 1.0 only")
    ] = "1.2"
    cert: Annotated[str, Meta(description="PEM file of our own certificate, where accounts REQUIRE X509")] = ""
    key: Annotated[str, Meta(description="PEM file of the private key of cert")] = ""


class Credentials(Section, frozen=True):
    """Who connects to servers whose address matches a pattern."""

    user: Annotated[str, Meta(description="database user; empty: the user of [migrate]")] = ""
    password_file: Annotated[
        str, Meta(description="file whose first line is the password; empty: the one of [migrate]")
    ] = ""
    tls: Annotated[Tls | None, Meta(description="TLS to these servers; left out: as under [migrate]")] = None


class Target(Section, frozen=True):
    """The new tree that is wanted."""

    new_source: Annotated[str, Meta(description="host:port of the server that is to take over")] = ""
    new_replicas: Annotated[list[str], Meta(description="host:port of each server beneath the new source")] = []
    under: Annotated[
        str, Meta(description="host:port of the old replica that the new source follows; empty: chosen by the planner")
    ] = ""
    rehearsal: Annotated[
        str, Meta(description="host:port of a disposable server that shadow writes may hit; empty for none")
    ] = ""
    readers: Annotated[
        int,
        Meta(ge=0, le=10_000, description="how many reading replicas are wanted; 0: all of new_replicas are used"),
    ] = 0
    build: Annotated[
        str,
        Meta(
            pattern=r"^(dump|clone|hook:\s*\S.*)$",
            description='how a new server gets its data: "dump", "clone", or "hook: command" that copies a snapshot',
        ),
    ] = "dump"
    gtid_at_cutover: Annotated[bool, Meta(description="true turns GTID on in the new tree during the cutover")] = False
    version: Annotated[
        str,
        Meta(
            pattern=r"^((mysql-|mariadb-)?\d+\.\d+(\.\d+)?)?$",
            description="what the new servers will be, such as 9.7 or mariadb-11.8; empty: new_source is asked",
        ),
    ] = ""


class Waiver(Section, frozen=True):
    """A finding of `check` that somebody answers for, until a day."""

    id: Annotated[str, Meta(min_length=1, description="the rule's id, as `understudy migrate check --list` names it")]
    owner: Annotated[str, Meta(min_length=1, description="who answers for it")]
    until: Annotated[date, Meta(description="the last day on which it holds, such as 2027-01-31")]
    why: Annotated[str, Meta(min_length=1, description="why it may stay")]
    where: Annotated[str, Meta(description="only findings at this place, such as shop.orders; empty: anywhere")] = ""


class Check(Section, frozen=True):
    """What `understudy migrate check` measures by, and what it lets pass."""

    rollback_hours: Annotated[
        int, Meta(ge=0, le=10_000, description="for how long after the cutover going back shall be possible, in hours")
    ] = 24
    lag_s: Annotated[
        int, Meta(ge=0, le=86_400, description="a replica further behind than this is found, in seconds")
    ] = 10
    transaction_s: Annotated[
        int, Meta(ge=0, le=86_400, description="a transaction or statement older than this is found, in seconds")
    ] = 60
    clock_ms: Annotated[Milliseconds, Meta(description="clocks of servers further apart than this are found")] = 1_000
    disk_percent: Annotated[
        int,
        Meta(ge=0, le=100, description="a disk with less free is found, where a server tells, in percent"),
    ] = 15
    verify_days: Annotated[
        int, Meta(ge=0, le=10_000, description="a comparison by `verify` that is older than this is found, in days")
    ] = 7
    shadow_days: Annotated[
        int, Meta(ge=0, le=10_000, description="shadow traffic that was judged longer ago than this is found, in days")
    ] = 7
    heartbeat_table: Annotated[
        str,
        Meta(
            pattern=r"^([^.`]+\.[^`]+)?$",
            description="pt-heartbeat's table, such as percona.heartbeat; empty: Seconds_Behind alone tells lag",
        ),
    ] = ""
    waivers: Annotated[
        list[Waiver], Meta(description="findings that somebody answers for: [[migrate.check.waivers]]")
    ] = []


class Replication(Section, frozen=True):
    """The account with which new servers follow; made, outside the binary log, where a server lacks it."""

    user: Annotated[
        str, Meta(min_length=1, max_length=16, description="account of the new replicas; 16 letters at most, for 5.6")
    ] = "understudy-repl"
    password_file: Annotated[str, Meta(description="file whose first line is its password")] = ""


class Build(Section, frozen=True):
    """How new servers get their data."""

    parallel: Annotated[
        int, Meta(ge=1, le=64, description="tables copied at once: so many sessions on the old and on the new server")
    ] = 4
    dump_program: Annotated[
        str,
        Meta(
            description='for build = "dump": a command such as "mydumper", "mariadb-dump" or "docker exec -i db '
            'mysqldump" that reads the rows; empty: Understudy reads them itself'
        ),
    ] = ""
    scratch: Annotated[
        str,
        Meta(
            description="folder for what mydumper writes, under the same name where it runs in a container; empty: the "
            "temporary folder"
        ),
    ] = ""
    upgrade_program: Annotated[
        str,
        Meta(
            description='for build = "hook" from an older version: a command such as "docker exec -i db '
            'mariadb-upgrade"; empty: mariadb-upgrade or mysql_upgrade where it is installed'
        ),
    ] = ""
    lock: Annotated[
        bool,
        Meta(
            description="true blocks the old replica's writes for the whole copy where tables are not InnoDB; false "
            "refuses to copy them"
        ),
    ] = False
    hook_s: Annotated[
        int, Meta(ge=1, le=31 * 86_400, description="how long the hook's command may run, in seconds")
    ] = 86_400
    restart_s: Annotated[
        int, Meta(ge=1, le=86_400, description="how long a cloned server may take to come back, in seconds")
    ] = 600
    passwords: Annotated[
        str,
        Meta(
            description="file with new passwords for accounts whose old ones can't be carried over: a line each of "
            "'user'@'host', a space, the password"
        ),
    ] = ""


class Verify(Section, frozen=True):
    """How two copies of the data are compared, and how much of the servers that may take."""

    chunk_ms: Annotated[Milliseconds, Meta(description="how long a chunk of rows should take a server")] = 500
    workers: Annotated[
        int, Meta(ge=1, le=64, description="chunks compared at once: so many sessions on the old and on the new side")
    ] = 2
    max_lag_s: Annotated[
        float, Meta(ge=0, le=86_400, description="reading is held while a new server lags more than this, in seconds")
    ] = 5.0
    max_running: Annotated[
        Count, Meta(description="reading is held while more threads than this run on the old side (Threads_running)")
    ] = 25
    max_slowdown: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description="verify rests so long that what others get done on the old side falls by no more than this"
            " part (measured: their statements a second while it reads and while it rests); 1 never rests",
        ),
    ] = 0.1
    stalled_s: Annotated[
        float, Meta(gt=0, le=86_400, description="how long a server may be away, lag or not replicate, in seconds")
    ] = 600.0
    looks: Annotated[
        int,
        Meta(ge=2, le=1_000, description="how often a row that looked different is looked at again before giving up"),
    ] = 40
    max_keys: Annotated[
        int, Meta(ge=1, le=1_000_000, description="differing rows of a table that are listed; the others are counted")
    ] = 100
    thorough: Annotated[
        bool,
        Meta(description="true hashes every value twice: 2^60 instead of 2^32 against a missed one, at twice the cost"),
    ] = False
    lock_rows: Annotated[
        bool,
        Meta(
            description="true locks rows that never hold still on the old side (InnoDB), one by one, up to three times"
            " for half a second at most; it takes no more privileges"
        ),
    ] = False
    ignore: Annotated[
        list[str], Meta(description="tables that are not compared, as patterns of schema.table, such as cache.*")
    ] = []


class Migrate(Section, frozen=True):
    """The replication tree that is, and the new one that shall be."""

    source: Annotated[
        str, Meta(description="host:port of a server of the old tree, which is discovered from here, up and down")
    ] = ""
    limits: Annotated[
        Literal["classic", "rds", "none"] | TreeLimits,
        Meta(
            description="what a tree may be: classic (5 replicas a source, 2 levels), rds (15, 3), none, or "
            "{ replicas_per_source = 5, levels = 2 }"
        ),
    ] = "classic"
    user: Annotated[str, Meta(description="database user; `understudy migrate grants` prints what it needs")] = (
        "understudy"
    )
    password_file: Annotated[str, Meta(description="file whose first line is the user's password")] = ""
    tls: Annotated[Tls, Meta(description="TLS to the servers; used and verified where they offer it")] = Tls()
    connect_ms: Annotated[
        Milliseconds, Meta(description="connecting to a server and logging in, whatever it does meanwhile")
    ] = 3_000
    read_ms: Annotated[Milliseconds, Meta(description="a server's silence within a statement that should be quick")] = (
        30_000
    )
    aliases: Annotated[
        dict[str, str],
        Meta(description="host:port, host or server_uuid as servers tell it, to the host:port to use from here"),
    ] = {}
    error_logs: Annotated[
        dict[str, str],
        Meta(description="host:port or pattern, to the file here that its error log can be read from"),
    ] = {}
    target: Annotated[Target, Meta(description="the new tree")] = Target()
    check: Annotated[Check, Meta(description="what is checked beforehand")] = Check()
    verify: Annotated[Verify, Meta(description="how two copies of the data are compared")] = Verify()
    build: Annotated[Build, Meta(description="how new servers get their data")] = Build()
    replication: Annotated[Replication, Meta(description="the account with which new servers follow")] = Replication()
    credentials: Annotated[
        dict[str, Credentials],
        Meta(description='users of servers whose host:port matches a pattern, such as [migrate.credentials."new-*"]'),
    ] = {}

    def login(self, address: str) -> Credentials:
        """Who connects to a server: the first pattern that matches decides, what it leaves empty is as for all."""
        for pattern, own in self.credentials.items():
            host = address.rpartition(":")[0]
            if fnmatchcase(address, pattern) or fnmatchcase(host, pattern):
                password_file = own.password_file or self.password_file
                return Credentials(own.user or self.user, password_file, own.tls or self.tls)
        return Credentials(self.user, self.password_file, self.tls)


class Settings(Section, frozen=True):
    """understudy.toml, whole."""

    stacks: Annotated[
        dict[str, Stack],
        Meta(description="the application stacks: one primary, any number of shadows; none with [migrate] alone"),
    ] = {}
    state_dir: Annotated[str, Meta(min_length=1, description="recordings, database, sockets; created 0700")] = (
        "understudy-state"
    )
    hooks: Annotated[
        str,
        Meta(description="Python file with select(), shadow_headers() or on_exchange()"),
    ] = ""
    proxy: Annotated[Proxy, Meta(description="where users arrive")] = Proxy()
    mirror: Annotated[Mirror, Meta(description="which requests the shadows get")] = Mirror()
    timeouts: Annotated[Timeouts, Meta(description="all in milliseconds")] = Timeouts()
    masks: Annotated[Masks, Meta(description="what never reaches a disk")] = Masks()
    compare: Annotated[Compare, Meta(description="what counts as a difference")] = Compare()
    verdict: Annotated[Verdict, Meta(description="when a new stack may take over")] = Verdict()
    recording: Annotated[Recording, Meta(description="the files between workers and judge")] = Recording()
    fluentd: Annotated[Fluentd, Meta(description="where differences are shipped")] = Fluentd()
    log: Annotated[Log, Meta(description="Understudy's own log")] = Log()
    migrate: Annotated[Migrate, Meta(description="the replication tree that is, and the one that shall be")] = Migrate()

    @property
    def primary(self) -> str:
        """The name of the stack that answers the users."""
        return next(name for name, stack in self.stacks.items() if stack.role == "primary")

    @property
    def shadows(self) -> list[str]:
        """The names of the stacks that are only compared, in the file's order."""
        return [name for name, stack in self.stacks.items() if stack.role == "shadow"]

    @property
    def state(self) -> Path:
        """The state directory."""
        return Path(self.state_dir)

    @property
    def recordings(self) -> Path:
        """Where the segment files are."""
        return self.state / "recordings"

    @property
    def database(self) -> Path:
        """The judge's SQLite file."""
        return self.state / "diffs.sqlite"

    @property
    def control_socket(self) -> Path:
        """The unix socket of the control API, reachable for the state directory's owner only."""
        return self.state / "control.sock"
