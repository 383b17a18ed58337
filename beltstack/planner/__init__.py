"""What an actor can ask: the schema binds its types to tables, and every read of an entity goes through here."""
