"""The files load, and what comes of them is what Apache's compiler makes of them."""

from __future__ import annotations

import pytest
import thriftpy2

import callosum
from tests.interop.apache import golden, ours
from tests.interop.catalogue import FILES, SERVING, IdlFile, extended_by, functions_of, with_bases
from tests.interop.tally import tally

WITHOUT_STRUCTS = {"ErrorCodes.thrift", "Metrics.thrift", "fb303.thrift"}


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_file_is_read_as_apaches_compiler_reads_it(file: IdlFile) -> None:
    structs = len(file.defined)
    assert (structs > 0) == (file.path.name not in WITHOUT_STRUCTS)
    assert ours(file) == golden(file)
    tally(file, "structs", structs)
    tally(file, "enums", len(file.enums))


@pytest.mark.parametrize("file", SERVING, ids=str)
def test_each_service_has_its_methods_and_those_of_its_bases(file: IdlFile) -> None:
    assert file.services
    for cls in file.services:
        service = callosum.service_of(cls)
        assert service.methods.keys() == functions_of(cls).keys()
        assert [base.name for base in service.bases] == [one.__name__ for one in with_bases(cls)][1:]
        for base in service.bases:
            assert service.methods.keys() > base.methods.keys()
        tally(file, "services")
        tally(file, "methods", len(service.methods))


def test_the_bases_are_those_of_other_files() -> None:
    modules = {file.path.name: file.module for file in FILES}
    impala = modules["ImpalaService.thrift"]
    hive = modules["hive_metastore.thrift"].ThriftHiveMetastore
    assert extended_by(hive) is modules["fb303.thrift"].FacebookService
    assert extended_by(impala.ImpalaService) is modules["beeswax.thrift"].BeeswaxService
    assert extended_by(impala.ImpalaHiveServer2Service) is modules["TCLIService.thrift"].TCLIService


@pytest.mark.parametrize("file", [one for one in SERVING if one in FILES], ids=str)
def test_thriftpy2s_own_loader_makes_the_same_services(file: IdlFile) -> None:
    raw = thriftpy2.load(str(file.path), module_name=f"raw_{file.path.stem}_thrift")
    for cls in file.services:
        assert callosum.service_of(getattr(raw, cls.__name__)).fingerprint == callosum.service_of(cls).fingerprint
