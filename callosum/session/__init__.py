"""The asyncio shell around the protocol."""
