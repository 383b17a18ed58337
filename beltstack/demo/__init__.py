"""The demo: a believable company, a loopback QuickBooks, and the main job told on the terminal."""
