"""Serves `callosum.Reflection`: what an endpoint serves, and the interfaces of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from callosum.builtin.reflection import (
    Description,
    InterfaceFile,
    NoSuchService,
    Reflection,
    ReflectionHandler,
    ServiceInfo,
)
from callosum.service import Service, service_of
from callosum.session.registry import Registry, Services


class Reflector(ReflectionHandler):
    """The handler. What it tells is made when somebody asks."""

    def __init__(self, served: Sequence[Service]) -> None:
        self._served = {service.name: service for service in served}

    async def services(self) -> list[ServiceInfo]:
        """All services that are served."""
        return [_info(service) for service in self._served.values()]

    async def describe(self, name: str) -> Description:
        """The interface of one of them."""
        found = self._served.get(name)
        if found is None:
            raise NoSuchService(name, sorted(self._served))
        files = [InterfaceFile(path, text) for path, text in found.sources().items()]
        return Description(_info(found), files, found.describe())


def _info(service: Service) -> ServiceInfo:
    return ServiceInfo(service.name, service.fingerprint, list(service.codecs), service.doc)


def with_reflection(services: Services) -> Services:
    """The services of an endpoint, and beside them the one that tells about them.

    Raises:
        ConfigurationError: A handler does not fit its service.
    """
    reflector = Reflector([*Registry(services).services, service_of(Reflection)])
    if isinstance(services, Mapping):
        return {**services, Reflection: reflector}
    return [*services, reflector]
