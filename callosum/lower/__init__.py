"""Transports: each a file or a folder, none knows another."""
