from __future__ import annotations

import callosum.service
from callosum.upper import base
from callosum.upper.thrift import ThriftLayer


def test_what_a_layer_needs_is_the_contract_itself() -> None:
    assert all(getattr(base, name) is getattr(callosum.service, name) for name in base.__all__)


def test_thrift_is_an_upper_layer() -> None:
    layer: base.UpperLayer = ThriftLayer()
    assert layer.name == "thrift"
