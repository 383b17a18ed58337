"""Run the whole suite, two processes at a time, and say what was left out."""

import os
import sys

import pytest

print("Running BeltStack's tests (a PostgreSQL of their own is started and stopped by them) ...", flush=True)
workers = str(min(4, os.cpu_count() or 1))
sys.exit(pytest.main(["-q", "-n", workers, "--dist", "loadgroup", *sys.argv[1:]]))
