"""Stub."""
async def measure(ground): pass
