"""callosum beside its peers, in one run: an echo of 32 bytes, each server and each client in its own process."""
