"""Everything a reviewer should not have to look for: format, lint, types, floors, the schema and what it breaks."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CHECKS = {
    "format": ("ruff", "format", "--check", "."),
    "lint": ("ruff", "check", "."),
    "types": ("mypy",),
    "floors": ("lint-imports",),
    "schema": ("python", "tools/schema.py", "--check"),
    "breaking": ("python", "tools/breaking.py"),
}

failed = []
for name, command in CHECKS.items():
    print(f"── {name}: {' '.join(command)}", flush=True)
    if subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, check=False).returncode:
        failed.append(name)
sys.exit(f"Failed: {', '.join(failed)}." if failed else 0)
