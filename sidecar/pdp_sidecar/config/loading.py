"""A configuration, out of flags, the environment and a file, with everything that is wrong with it at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pdp.approvals.signing import Signer
from pdp.classes import dataclass, field
from pdp.configuration.file import read_file, relative_to
from pdp.configuration.places import Path
from pdp.configuration.reading import FAILED, read
from pdp.configuration.report import ConfigurationError, Report
from pdp.configuration.secret import Secret, SecretError
from pdp.errors import RequestError
from pdp.schema import Schema
from pdp.source import Source
from pdp.terms import Policy
from pdp_sidecar.callers import Callers
from pdp_sidecar.config.asking import callers
from pdp_sidecar.config.layers import put, read_environment
from pdp_sidecar.config.listening import Listener, listeners
from pdp_sidecar.config.receiving import check_receivers
from pdp_sidecar.config.sections import Options
from pdp_sidecar.envoy.options import Options as EnvoyOptions
from pdp_sidecar.envoy.problems import problems
from pdp_sidecar.tls import Certificates, Clock, TlsError, utc_now

if TYPE_CHECKING:
    from pdp.identity.options import Options as IdentityOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line says. `values` are by their path in the file, with the flag that says so."""

    file: str | None = None
    values: Mapping[Path, tuple[str, Any]] = field(default_factory=dict)
    insecure: bool = False

    def to_plain(self) -> dict[str, Any]:
        """Return them as plain data, for another process."""
        values = [[list(path), flag, value] for path, (flag, value) in self.values.items()]
        return {"file": self.file, "values": values, "insecure": self.insecure}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Flags:
        """Return what `to_plain` gave."""
        values = {tuple(path): (flag, value) for path, flag, value in data["values"]}
        return cls(file=data["file"], values=values, insecure=data["insecure"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a sidecar is run by, checked. Paths are such as to be opened where the command runs."""

    options: Options
    policies: str
    listeners: tuple[Listener, ...]
    callers: Callers
    certificates: Certificates | None = None
    revocations: str | None = None
    approvals: str | None = None
    keys: str | None = None
    desk: Signer | None = field(default=None, compare=False, repr=False)
    identity: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    report: Report = field(default_factory=Report, compare=False, repr=False)

    def check(self, policy: Policy) -> None:
        """Hold the sections that name what policies declare to a policy; raise ConfigurationError."""
        if self.options.envoy is not None:
            _check_envoy(self.options.envoy, self.report, policy)
        if self.identity is not None:
            _check_identity(self.identity, self.report, self.environment, policy.schema)
        self.report.require()

    def listener(self, protocol: str) -> Listener | None:
        """Return where a protocol is spoken, None for nowhere."""
        return next((each for each in self.listeners if each.protocol == protocol), None)


def load(flags: Flags, environment: Mapping[str, str] | None = None, *, clock: Clock = utc_now) -> Configuration:
    """Return the configuration; raise ConfigurationError with all that is wrong with it."""
    variables = os.environ if environment is None else environment
    data, report = ({}, Report()) if flags.file is None else read_file(flags.file)
    read_environment(Options, variables, data, report)
    for path, (flag, value) in flags.values.items():
        put(data, path, value, Source(flag, str(value)), report)
    options = read(Options, data, (), report)
    # What follows looks at values together: it needs each to be one.
    report.require()
    assert options is not FAILED
    return _Loading(options, report, flags, variables, clock).load()


class _Loading:
    def __init__(
        self, options: Options, report: Report, flags: Flags, environment: Mapping[str, str], clock: Clock
    ) -> None:
        self._options, self._report, self._flags = options, report, flags
        self._environment, self._clock = environment, clock

    def load(self) -> Configuration:
        options, report = self._options, self._report
        policies = self._path(("policies",), options.policies)
        if policies is None:
            help_ = '`pdp serve policies/`, or `policies = "…"` in the file'
            report.add("missing_key", (), "nothing says which policies are to be answered by", help_)
        certificates = self._certificates()
        insecure, file = self._flags.insecure, self._flags.file
        found = listeners(options, report, insecure=insecure)
        asking = callers(options, found, report, self._environment, insecure=insecure, file=file)
        facts = {name: self._path(("facts", name), getattr(options.facts, name)) for name in _FACTS}
        self._check_facts(facts)
        desk = self._desk(facts)
        identity = self._identity(found, facts["revocations"])
        self._check_workers()
        self._check_requests()
        self._check_envoy(found)
        report.require()
        return Configuration(
            options=options,
            policies=policies or "",
            listeners=found,
            callers=asking,
            certificates=certificates,
            revocations=facts["revocations"],
            approvals=facts["approvals"],
            desk=desk,
            identity=identity,
            environment=self._environment,
            report=report,
            keys=facts["keys"] or (None if facts["approvals"] is None else f"{facts['approvals']}.keys.json"),
        )

    def _path(self, at: Path, given: str | None) -> str | None:
        if given is None:
            return None
        if not given or "\0" in given:
            self._report.add("invalid_value", at, "this is no path")
            return None
        return relative_to(given, self._report, at, self._flags.file)

    def _certificates(self) -> Certificates | None:
        tls = self._options.tls
        if tls is None:
            return None
        if tls.trust_domain is not None and tls.client_ca is None:
            message = "nobody shows a certificate without `client_ca`"
            self._report.add("no_client_ca", ("tls", "trust_domain"), message, "give the authorities of that domain")
        cert, client_ca = self._path(("tls", "cert"), tls.cert), self._path(("tls", "client_ca"), tls.client_ca)
        key = tls.key
        if key.file is not None:
            key = Secret(file=self._path(("tls", "key", "file"), key.file), env=key.env)
        if cert is None:
            return None
        try:
            return Certificates(cert, key, client_ca, trust_domain=tls.trust_domain, clock=self._clock)
        except (TlsError, SecretError) as error:
            self._report.add("invalid_tls", ("tls",), error.message, error.help)
            return None

    def _identity(self, found: Sequence[Listener], revocations: str | None) -> str | None:
        option = self._options.identity
        path = None if option is None else self._path(("identity", "file"), option.file)
        if path is not None:
            told = _check_identity(path, self._report, self._environment, None)
            if told is not None:
                check_receivers(told, found, revocations, self._report, self._environment)
        return path

    def _desk(self, facts: Mapping[str, str | None]) -> Signer | None:
        """Return the key by which this sidecar vouches for whoever approves."""
        secret, at, report = self._options.facts.desk, ("facts", "desk"), self._report
        approves = any("approve" in each.may for each in self._options.callers)
        if secret is None:
            if approves:
                help_ = "make one: `pdp key new`, and let it vouch in the file of keys"
                report.add("no_desk", ("facts",), "a caller may `approve`, and no `desk` has a key to sign that", help_)
            return None
        if facts["approvals"] is None:
            report.add("misplaced_key", at, "`desk` says nothing without `approvals`", key=True)
        if secret.file is not None:
            secret = Secret(file=self._path((*at, "file"), secret.file), env=secret.env)
        try:
            return Signer.of_pem(secret.read(self._environment), "the key")
        except SecretError as error:
            report.add("no_secret", at, error.message, error.help)
        except RequestError as error:
            report.add("no_secret", at, str(error))
        return None

    def _check_facts(self, paths: Mapping[str, str | None]) -> None:
        facts, report = self._options.facts, self._report
        for name, of in (("keys", "approvals"), ("create", "revocations")):
            if getattr(facts, name) and paths.get(of) is None:
                report.add("misplaced_key", ("facts", name), f"`{name}` says nothing without `{of}`", key=True)
        for name in _AGED:
            age = getattr(facts.max_age, name)
            if age is not None and not age:
                report.add("invalid_value", ("facts", "max_age", name), "nothing is young enough for that")
            if age is None and getattr(facts.when_stale, name) != "deny":
                message = f"`{name}` has no `max_age`, and is never stale"
                report.add("misplaced_key", ("facts", "when_stale", name), message, key=True)
            if age is not None and name in _FACTS and paths[name] is None:
                message = f"there is no record of {name}, and none grows old"
                report.add("misplaced_key", ("facts", "max_age", name), message, f"give it as `facts.{name}`", key=True)
            if age is not None and name in _FACTS and paths[name] is not None and facts.refresh >= age:
                message = f"the record is read each {facts.refresh:g} s, and would be older than it may be in between"
                report.add("invalid_value", ("facts", "max_age", name), message, "shorten `facts.refresh`")
        if not facts.refresh:
            report.add("invalid_value", ("facts", "refresh"), "the record is read after a time, and not all the time")

    def _check_workers(self) -> None:
        count = self._options.workers.count
        if not 1 <= count <= _MOST_WORKERS:
            message = f"there are between 1 and {_MOST_WORKERS} workers"
            self._report.add("invalid_value", ("workers", "count"), message)
        elif count > 1 and self._options.facts.revocations is None:
            message = "several workers need a record of revocations: what one is told would not hold in the others"
            help_ = 'name it: `revocations = "…"` in the section `[facts]`'
            self._report.add("no_shared_record", ("workers", "count"), message, help_)

    def _check_requests(self) -> None:
        options, report, at = self._options, self._report, ("authzen", "access_requests")
        if not options.authzen.access_requests:
            return
        if options.facts.desk is None or options.facts.approvals is None:
            message = "who asks for access is vouched for, and no `desk` has a key to sign that"
            help_ = "give `approvals` and `desk` to the section `[facts]`: `pdp key new` makes the key"
            report.add("no_desk", at, message, help_)
        if options.identity is None:
            message = "who asks for access shows a token, and nobody's are verified without a section `[identity]`"
            help_ = 'name whose are: `file = "identity.toml"` in that section'
            report.add("no_identity", at, message, help_)

    def _check_envoy(self, found: Sequence[Listener]) -> None:
        envoy, report = self._options.envoy, self._report
        if envoy is None:
            return
        _check_envoy(envoy, report, None)
        if envoy.token.verify and self._options.identity is None:
            message = "nobody's tokens are verified without a section `[identity]`"
            help_ = 'name whose are: `file = "identity.toml"` in that section'
            report.add("no_identity", ("envoy", "token", "verify"), message, help_)
        if report.ok and not any(each.protocol == "grpc" for each in found):
            message = "Envoy asks by gRPC, and nothing says where that is spoken"
            report.add(
                "misplaced_key", ("envoy",), message, 'give it an address: `grpc = "…"` in the section `[listen]`'
            )


def _check_envoy(options: EnvoyOptions, report: Report, policy: Policy | None) -> None:
    for each in problems(options, policy):
        report.add("invalid_envoy", ("envoy", *each.where), each.message, each.help)


def _check_identity(
    path: str, report: Report, environment: Mapping[str, str], schema: Schema | None
) -> IdentityOptions | None:
    """Return what the file says whose tokens are taken; note what is wrong with it, and return None then."""
    try:
        # What is not configured need not be installed.
        from pdp.identity.loading import load as load_identity
    except ModuleNotFoundError as error:
        message = f"`{error.name}` is not there, by which tokens are verified"
        report.add("not_installed", ("identity",), message, "install it: `pip install 'pdp-engine[sidecar,identity]'`")
        return None
    try:
        return load_identity(path, schema=schema, environment=environment).options
    except ConfigurationError as error:
        # Each at its place in that file.
        report.found.extend(error.diagnostics)
        return None


_FACTS = ("revocations", "approvals", "keys")
_AGED = ("approvals", "entities", "policy", "revocations")
_MOST_WORKERS = 256
