"""Serves `callosum.Reflection`: what an endpoint serves, and the interfaces of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from callosum.builtin.reflection import Description, InterfaceFile, NoSuchService, Reflection, ServiceInfo
from callosum.service import Service, service_of
from callosum.session.registry import Registry, Services


class Reflector:
    """The handler. What it tells is made when somebody asks."""

    __callosum_service__ = service_of(Reflection)

    def __init__(self, served: Sequence[Service]) -> None:
        self._served = {service.name: service for service in served}

    async def services(self) -> list[ServiceInfo]:
        """All services that are served."""
        return [_info(service) for service in self._served.values()]

    async def describe(self, name: str) -> Description:
        """The interface of one of them."""
        found = self._served.get(name)
        if found is None:
            raise NoSuchService(name=name, served=sorted(self._served))
        files = [InterfaceFile(path=path, text=text) for path, text in found.sources().items()]
        return Description(info=_info(found), files=files, text=found.describe())


def _info(service: Service) -> ServiceInfo:
    return ServiceInfo(name=service.name, fingerprint=service.fingerprint, codecs=list(service.codecs), doc=service.doc)


def with_reflection(services: Services) -> Services:
    """The services of an endpoint, and beside them the one that tells about them.

    Raises:
        ConfigurationError: A handler does not fit its service.
    """
    reflector = Reflector([*Registry(services).services, service_of(Reflection)])
    if isinstance(services, Mapping):
        return {**services, Reflection: reflector}
    return [*services, reflector]
