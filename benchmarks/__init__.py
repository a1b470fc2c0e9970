"""callosum beside its peers, in one run: the same calls, each server and each client in its own process."""
