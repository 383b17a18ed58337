"""Write beltstack/schema/schema.graphql from the code, or with --check say whether the committed one is it."""

import sys
from pathlib import Path

from beltstack.schema.build import build_schema

COMMITTED = Path(__file__).resolve().parent.parent / "beltstack/schema/schema.graphql"

generated = build_schema().as_str() + "\n"
if "--check" in sys.argv:
    if not COMMITTED.exists() or COMMITTED.read_text(encoding="utf-8") != generated:
        sys.exit("schema.graphql is not what the code says; run `make schema` and commit it.")
    print("schema.graphql is what the code says.")
else:
    COMMITTED.write_text(generated, encoding="utf-8")
    print(f"Wrote {COMMITTED}.")
