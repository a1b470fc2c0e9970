"""The program ``callosum-gen``: writes typed modules from .thrift files, and checks, compares and describes them.

It stands on `callosum.upper.thrift.idl`, which reads the files; the library knows nothing of it.
"""
