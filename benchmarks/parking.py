"""Handlers that wait for ever: what a call in flight costs is seen while it is in flight."""

from __future__ import annotations

import asyncio


class Parked:
    """How many handlers wait in this process."""

    count = 0


async def park() -> None:
    """Count, and wait until the process ends."""
    Parked.count += 1
    await asyncio.get_running_loop().create_future()
