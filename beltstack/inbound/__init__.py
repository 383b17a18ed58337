"""What comes to the plugins' addresses: a person back from a page of consent, a message from a remote."""
