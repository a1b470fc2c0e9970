"""``callosum-gen stubs``: writes the modules that ``thrift.load()`` would execute.

`package` says which files there are to be, and what is in them; `command` is the verb, which writes or compares them.
"""
