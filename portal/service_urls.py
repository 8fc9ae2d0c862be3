"""Parses the URLs of the services that the portal uses, and ignores no part of one.

A part that nothing would use is an error that names it, because whoever wrote it
relies on it. Plain Python, because `portal.stack` runs without Django. Errors never
contain the URL: most URLs hold a password.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

# With these modes PostgreSQL's client may connect without TLS; with `require` it checks
# the certificate only if `sslrootcert` names the authorities.
_PLAIN_MODES = frozenset({"disable", "allow", "prefer"})
_UNCHECKED_MODE = "require"
_MODES = _PLAIN_MODES | {_UNCHECKED_MODE, "verify-ca", "verify-full"}
_DEFAULT_MODE = "prefer"

# Parameters of PostgreSQL's client that would change what the portal relies on, or
# whose place is another part of the URL.
_NOT_OPTIONS = frozenset(
    {"client_encoding", "dbname", "password", "replication", "service", "user"}
)

_TLS_OPTIONS = ("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_CERTIFICATE_CHECKS = frozenset({"none", "optional", "required"})

# The usual port of each way to speak to a mail server.
_MAIL_PORTS = {"smtp": 25, "smtp+tls": 25, "smtps": 465}


class ServiceUrlError(ValueError):
    """A URL has a part that nothing would use, or lacks one; names the variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """A PostgreSQL; `host` and `port` may be lists with commas, as libpq has them."""

    name: str
    user: str
    password: str
    host: str
    port: str
    options: Mapping[str, str]

    @property
    def plain_hosts(self) -> list[str]:
        """The other machines that are reached without TLS, or may be impersonated."""
        mode = self.options.get("sslmode", _DEFAULT_MODE)
        is_unchecked = mode == _UNCHECKED_MODE and not self.options.get("sslrootcert")
        if mode not in _PLAIN_MODES and not is_unchecked:
            return []
        hosts = self.options.get("hostaddr") or self.host
        return [host for host in hosts.split(",") if not is_here(host)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailUrl:
    """A mail server, and how to speak to it: STARTTLS, TLS from the start, or plain."""

    host: str
    port: int
    user: str
    password: str
    starts_tls: bool
    is_tls: bool

    @property
    def plain_hosts(self) -> list[str]:
        is_plain = not (self.starts_tls or self.is_tls)
        return [self.host] if is_plain and not is_here(self.host) else []


def is_here(host: str) -> bool:
    """Return True for this machine: the loopback, or a socket file (or its default)."""
    if not host or host[0] in "/@" or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def database(variable: str, url: str) -> DatabaseUrl:
    """Parse `postgres://user:password@host:port/name?option=value`.

    Options are those of PostgreSQL's own client, libpq, which parses the URL.

    Raises:
        ServiceUrlError: libpq does not know an option, or the portal does not allow it.

    """
    scheme, _, rest = url.partition("://")
    if scheme not in {"postgres", "postgresql"}:
        raise _error(variable, "must begin with postgres:// or postgresql://")
    place, _, query = rest.partition("?")
    if place.count("@") > 1:
        raise _error(variable, "has an @ in a name or password: write it as %40")
    _require_options(variable, place, {*_option_names(variable, query)})
    try:
        found = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    except psycopg.Error:
        message = "cannot be read: percent-encode what is special in its parts"
        raise _error(variable, message) from None
    taken = {
        part: found.pop(part, "")
        for part in ("dbname", "user", "password", "host", "port")
    }
    if not all(port.isdecimal() for port in taken["port"].split(",") if port):
        raise _error(variable, "has a port that is no number")
    # libpq itself reads the value at the first connection only.
    if found.get("sslmode", _DEFAULT_MODE) not in _MODES:
        raise _error(variable, "has an sslmode that is unknown")
    return DatabaseUrl(name=taken.pop("dbname"), options=found, **taken)


def _require_options(variable: str, place: str, names: set[str]) -> None:
    for name in sorted(names):
        if name in _NOT_OPTIONS or not _is_known(name):
            raise _error(
                variable, f"has the option {name}, which the portal does not support"
            )
        if name in _named_before_path(place):
            raise _error(variable, f"has a {name} and again the option {name}")


def _named_before_path(place: str) -> set[str]:
    """Return which of host and port `user:password@host:port/name` has."""
    network = place.rpartition("@")[2].partition("/")[0]
    has_host = bool(network) and not network.startswith(":")
    has_port = ":" in network.rpartition("]")[2]
    found = {"host": has_host, "port": has_port}
    return {name for name, is_there in found.items() if is_there}


def _is_known(name: str) -> bool:
    # JDBC's spelling of sslmode=require, which libpq takes too.
    defaults = psycopg.pq.Conninfo.get_defaults()
    return name == "ssl" or name.encode() in {one.keyword for one in defaults}


def broker(variable: str, url: str) -> str:
    """Return the URL of a Valkey or Redis, such that TLS checks the certificate.

    Celery would not check it unless the URL asks for that.
    """
    parts = _split(variable, url, {"redis", "rediss"})
    if not parts.path.strip("/").isdecimal() and parts.path.strip("/"):
        raise _error(variable, "has a path that is not the number of a database")
    is_tls = parts.scheme == "rediss"
    allowed = _TLS_OPTIONS if is_tls else ()
    options = _options(variable, parts, allowed)
    if not is_tls:
        return url
    check = options.setdefault("ssl_cert_reqs", "required")
    if check not in _CERTIFICATE_CHECKS:
        raise _error(variable, "has an ssl_cert_reqs that is unknown")
    return parts._replace(query=urlencode(options)).geturl()


def plain_broker_hosts(url: str) -> list[str]:
    """Return the other machine, unless `url` uses TLS and checks its certificate."""
    parts = urlsplit(url)
    is_checked = dict(parse_qsl(parts.query)).get("ssl_cert_reqs") == "required"
    host = parts.hostname or ""
    return [] if is_checked or is_here(host) else [host]


def mail(variable: str, url: str) -> MailUrl:
    """Parse `smtp://`, `smtp+tls://` or `smtps://`, then `user:password@host:port`."""
    parts = _split(variable, url, _MAIL_PORTS)
    _options(variable, parts, ())
    if parts.path.strip("/"):
        raise _error(variable, "has a path: a mail server has none")
    if bool(parts.username) != bool(parts.password):
        raise _error(variable, "has a user without password, or the reverse")
    return MailUrl(
        host=parts.hostname or "",
        port=parts.port or _MAIL_PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starts_tls=parts.scheme == "smtp+tls",
        is_tls=parts.scheme == "smtps",
    )


def endpoint(variable: str, url: str) -> str:
    """Return the URL of an S3 server; a path is kept, and put before every bucket."""
    if not url:
        return ""
    parts = _split(variable, url, {"http", "https"})
    _options(variable, parts, ())
    _refuse_sign_in(variable, parts)
    return url


def plain_endpoint_hosts(url: str) -> list[str]:
    """Return the other machine to which requests for `url` go without TLS."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return [] if parts.scheme != "http" or is_here(host) else [host]


def public_address(variable: str, url: str) -> str:
    """Return `https://host` or `http://host:port`, without a slash at the end."""
    parts = _split(variable, url, {"http", "https"})
    _options(variable, parts, ())
    _refuse_sign_in(variable, parts)
    if parts.path.strip("/"):
        raise _error(variable, "has a path: the portal needs a host of its own")
    # In the form that the settings compare with: schemes and hosts have no case.
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _split(variable: str, url: str, schemes: Collection[str]) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is no number
    except ValueError:
        raise _error(variable, "has a host or a port that cannot be read") from None
    if parts.scheme not in schemes:
        known = " or ".join(f"{scheme}://" for scheme in sorted(schemes))
        raise _error(variable, f"must begin with {known}")
    if not parts.hostname:
        raise _error(variable, "has no host")
    if "#" in url:
        raise _error(variable, "has a #: write it as %23")
    return parts


def _options(
    variable: str, parts: SplitResult, allowed: Collection[str]
) -> dict[str, str]:
    for name in _option_names(variable, parts.query):
        if name not in allowed:
            raise _error(
                variable, f"has the option {name}, which the portal does not support"
            )
    return dict(parse_qsl(parts.query, keep_blank_values=True))


def _option_names(variable: str, query: str) -> list[str]:
    names = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
    for name in names:
        if names.count(name) > 1:
            raise _error(variable, f"has the option {name} twice")
    return names


def _refuse_sign_in(variable: str, parts: SplitResult) -> None:
    if "@" in parts.netloc:
        raise _error(variable, "has a user or password, which nothing would use")


def _error(variable: str, text: str) -> ServiceUrlError:
    return ServiceUrlError(f"{variable} {text}.")
