from __future__ import annotations

from pathlib import Path

import callosum
from callosum.builtin import reflection
from callosum.upper import thrift

IDL = Path(__file__).parents[2] / "idl" / "callosum" / "reflection.thrift"


def test_the_module_is_that_of_the_idl():
    read = callosum.service_of(thrift.load(IDL, module_name="reflection_again_thrift").Reflection)
    service = callosum.service_of(reflection.Reflection)
    assert service.name == "callosum.Reflection"
    assert service.fingerprint == read.fingerprint
    assert all(method.idempotent and method.doc for method in service.methods.values())
    assert service.doc == read.doc
    assert service.sources() == {"reflection.thrift": IDL.read_text()}
