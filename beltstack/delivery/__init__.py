"""Durable delivery: from the owed row to the settled one. `working.work` is a worker."""
