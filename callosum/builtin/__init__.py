"""The framework's own services: what is generated from ``idl/callosum/``, and what serves and calls it.

They stand above the engine and the IDL layers. The engine knows none of them: it finds those that it serves by the
entry points ``callosum.builtin``.
"""
