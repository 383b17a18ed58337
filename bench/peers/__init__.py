"""Peers that answer the same questions from the same database, each a process of its own."""
