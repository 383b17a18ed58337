"""The GraphQL face: each mutation calls one command, each query asks the planner; no rule lives here."""
