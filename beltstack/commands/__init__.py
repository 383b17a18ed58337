"""What an actor can do: one module per noun, one function per verb, each a short story."""
