"""Say which elements of the schema a client may have lost since the last accepted one; fail if nobody said so."""

import calendar
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
)

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = "beltstack/schema/schema.graphql"
GIT_SECONDS = 60
# What graphql-core's sentences begin with, before the element they are about.
_LEAD = re.compile(r"^(?:Standard scalar|A required (?:field|argument)|Field|Argument|Enum value|Directive) ")
_ELEMENT = re.compile(r"(@?\w+(?:\.\w+)?)(?:\((\w+):\))?")
_DUE = re.compile(r"Removal after (\d{4})-(\d{2})\b")


def broken(base: GraphQLSchema, head: GraphQLSchema) -> dict[str, list[str]]:
    """What breaks, by the element's path like `Query.customers.first`: sentences."""
    found: dict[str, list[str]] = {}
    for change in find_breaking_changes(base, head):
        found.setdefault(path_of(change.description), []).append(change.description)
    return found


def path_of(sentence: str) -> str:
    """The element a sentence of graphql-core's is about, as graphql-inspector writes it."""
    match = _ELEMENT.match(_LEAD.sub("", sentence))
    if match is None:
        raise ValueError(f"graphql-core says something this check cannot read: {sentence}")
    owner, argument = match.groups()
    return f"{owner}.{argument}" if argument else owner


def undeclared(
    base: GraphQLSchema, head: GraphQLSchema, *, today: date, declared: Iterable[str] = ()
) -> dict[str, list[str]]:
    """What breaks and neither was announced in the base for a month that is over, nor is declared."""
    allowed = {*declared}
    due = {path for path, reason in deprecations(base).items() if is_over(reason, today)}
    gone = due - deprecations(head).keys()
    return {path: said for path, said in broken(base, head).items() if path not in allowed | gone}


def deprecations(schema: GraphQLSchema) -> dict[str, str]:
    """The reasons of everything deprecated, by path; of what is in the schema and not deprecated, nothing."""
    found = {}
    for owner, part, element in _elements(schema):
        if reason := getattr(element, "deprecation_reason", None):
            found[f"{owner}.{part}"] = reason
    return found


def is_over(reason: str, today: date) -> bool:
    """Whether the month that `Removal after YYYY-MM` names has ended."""
    match = _DUE.search(reason)
    if match is None:
        return False
    year, month = (int(part) for part in match.groups())
    return today > date(year, month, calendar.monthrange(year, month)[1])


def declared_in(changelog: str) -> set[str]:
    """The paths in backticks of Unreleased's entries that begin with `Breaking:`."""
    unreleased = changelog.partition("## [Unreleased]")[2].partition("\n## ")[0]
    entries = re.split(r"\n(?=\s*- |\s*\n|#)", unreleased)
    told = (entry for entry in entries if re.match(r"\s*-\s+Breaking:", entry))
    return {path for entry in told for path in re.findall(r"`(@?\w+(?:\.\w+)*)`", entry)}


def base_of(root: Path) -> tuple[str, bool] | None:
    """The commit to compare with, and whether it is a release; None in a history of one commit."""
    tags = _git(root, "tag", "--merged", "HEAD", "--list", "v*", "--sort=-v:refname")
    if tags:
        return tags.split()[0], True
    head = _git(root, "rev-parse", "HEAD")
    for main in ("origin/main", "main"):
        fork = _git(root, "merge-base", "HEAD", main)
        if fork and fork != head:
            return fork, False
    if _git(root, "rev-parse", "--is-shallow-repository") == "true":
        print(
            "This clone is shallow, so the last accepted schema is not in it; run `git fetch --unshallow` to compare."
        )
        return None
    parent = _git(root, "rev-parse", "--verify", "--quiet", "HEAD^")
    return (parent, False) if parent else None


def _elements(schema: GraphQLSchema) -> Iterable[tuple[str, str, object]]:
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLEnumType):
            yield from ((name, value, element) for value, element in kind.values.items())
        elif isinstance(kind, GraphQLInputObjectType):
            yield from ((name, field, element) for field, element in kind.fields.items())
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            yield from _fields(name, kind.fields)


def _fields(name: str, fields: Mapping[str, object]) -> Iterable[tuple[str, str, object]]:
    for field, element in fields.items():
        yield name, field, element
        arguments: Mapping[str, object] = getattr(element, "args", {})
        yield from ((f"{name}.{field}", argument, given) for argument, given in arguments.items())


def _git(root: Path, *arguments: str) -> str:
    """What git says; nothing where it refuses, as it does of a ref that is not there."""
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def check(root: Path, today: date) -> str:
    """A sentence on what was compared; ends the program if something breaks unsaid."""
    if not _git(root, "rev-parse", "--verify", "--quiet", "HEAD"):
        return "No git history here: the schema is compared with none."
    base = base_of(root)
    accepted = _git(root, "show", f"{base[0]}:{SCHEMA}") if base else ""
    if base is None or not accepted:
        return "There is no earlier schema to compare with."
    ref, is_release = base
    declared = set() if is_release else declared_in((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    head = build_schema((root / SCHEMA).read_text(encoding="utf-8"))
    lost = undeclared(build_schema(accepted), head, today=today, declared=declared)
    if lost:
        told = "\n".join(f"  `{path}`: {' '.join(said)}" for path, said in sorted(lost.items()))
        sys.exit(f"The schema breaks clients of the one in {ref[:12]}:\n{told}\n{_remedy(is_release)}")
    return f"Nothing unsaid breaks clients of the schema in {ref[:12]}."


def _remedy(is_release: bool) -> str:
    later = 'Keep them as @deprecated(reason: "... Removal after YYYY-MM."), and remove them when that month is over.'
    if is_release:
        return later
    return f"{later}\nBefore the first release you may also name them under Unreleased: - Breaking: `Type.field` ..."


if __name__ == "__main__":
    # Only one argument: another working copy than this one.
    print(check(Path(sys.argv[1]) if sys.argv[1:] else ROOT, datetime.now(UTC).date()))
