from __future__ import annotations

import importlib.metadata
from typing import Any

from callosum.service import service_of
from callosum.upper import thrift
from tests.upper.thrift.oracles import IDL


def test_the_layer_knows_thrift_services_and_nothing_else() -> None:
    echo: Any = thrift.load(IDL / "echo.thrift")
    layer = thrift.ThriftLayer()
    service = layer.service_of(echo.Echo)
    assert service is not None
    assert service.name == "Echo"
    assert layer.service_of(echo.Echoed) is None
    assert layer.service_of(int) is None

    class Handler(echo.Echo):  # type: ignore[misc] # a class without static types
        pass

    assert layer.service_of(Handler) is None


def test_the_layer_is_found_by_its_entry_point() -> None:
    points = importlib.metadata.entry_points(group="callosum.upper")
    assert points["thrift"].load() is thrift.ThriftLayer
    echo: Any = thrift.load(IDL / "echo.thrift")
    assert service_of(echo.Echo) is thrift.ThriftLayer().service_of(echo.Echo)
