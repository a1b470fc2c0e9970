"""What a session has found out about versions: how the other side's services differ from those that this side calls.

Law: it is found out when a session opens, or when the first stub of a service is made, and never by a call.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Iterable, Mapping
from typing import Final

from callosum.errors import ConfigurationError
from callosum.fingerprint import Difference, find_difference
from callosum.protocol.messages import Offered
from callosum.service import Method, Service

_log: Final = logging.getLogger("callosum.differences")


class OnDifference(enum.Enum):
    """What becomes of calls of a service whose version at the other side differs."""

    WARN = "warn"
    """They are made; it is logged, once for a service and session."""
    REFUSE = "refuse"
    """They fail before they leave, and so do calls of a service that the other side does not serve."""


class Comparison:
    """The versions of one session's two sides."""

    __slots__ = ("_compared", "_offered", "_on_difference", "_refused", "_refused_names", "address")

    def __init__(self, on_difference: OnDifference) -> None:
        self._on_difference = on_difference
        self._offered: Mapping[str, Offered] | None = None
        self._compared: dict[Service, Difference | None] = {}
        self._refused: dict[Method, str] = {}
        self._refused_names: dict[str, str] = {}
        self.address = ""
        """The other side's, for messages."""

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Those that were found, in the order of the stubs."""
        return tuple(one for one in self._compared.values() if one is not None)

    def begin(self, offered: Mapping[str, Offered], services: Iterable[Service], address: str) -> None:
        """The session is open: compare what the other side serves with the services that are called already."""
        self._offered, self.address = offered, address
        for service in services:
            self.include(service)

    def include(self, service: Service) -> None:
        """Compare a service that will be called; before the session is open `begin` does it."""
        if self._offered is None or service in self._compared:
            return
        offered = self._offered.get(service.name)
        theirs = None if offered is None else offered.fingerprint
        difference = self._compared[service] = find_difference(service.name, service.fingerprint, theirs)
        if difference is None:
            return
        if difference.is_served:  # a call of what is not served says so by itself
            _log.warning("%s: %s", self.address, difference)
        if self._on_difference is OnDifference.REFUSE:
            self._refuse(service, difference)

    def _refuse(self, service: Service, difference: Difference) -> None:
        text = (
            f"{self.address}: {difference}. strict=True refuses to call it: give both sides the same interface, "
            "or leave strict out"
        )
        for method in service.methods.values():
            self._refused[method] = self._refused_names[method.wire_name] = text

    def check_service(self, service: Service) -> None:
        """Raise ConfigurationError where calls of a service are refused."""
        if self._refused:
            for method in service.methods.values():
                self.check(method)

    def check(self, method: Method) -> None:
        """Raise ConfigurationError where calls of a method are refused."""
        text = self._refused.get(method)
        if text is not None:
            raise ConfigurationError(text)

    def refusal(self, wire_name: str) -> ConfigurationError | None:
        """Why a call that was made before the session was open must not leave, or None where it may."""
        text = self._refused_names.get(wire_name)
        return None if text is None else ConfigurationError(text)
