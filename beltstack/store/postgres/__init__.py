"""The parts of the embedded PostgreSQL; `beltstack.store.embedded` puts them together."""
