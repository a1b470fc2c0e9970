"""Authentication of peers."""

from callosum.auth.base import INSECURE, Insecure

__all__ = ["INSECURE", "Insecure"]
