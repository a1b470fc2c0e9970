"""Reads .thrift files: text to a checked model, and every fault with its place.

`reading.read` is the way in. The model (`model`) is immutable and knows nothing of Python's side: names are as the IDL
has them. What generated modules are made from, and what ``callosum-gen`` compares, checks and describes, is this model
and nothing else.
"""
