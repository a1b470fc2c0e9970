from __future__ import annotations

from callosum.upper.thrift import emit
from callosum.upper.thrift.emit import module, places


def test_it_has_what_its_users_need() -> None:
    assert set(emit.__all__) == {"emit", "module_paths", "relative_import"}
    assert emit.emit is module.emit
    assert (emit.module_paths, emit.relative_import) == (places.module_paths, places.relative_import)
