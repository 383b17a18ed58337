"""The root fields that the planner answers, and the plan of a whole query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select

from beltstack.domain.access import Actor
from beltstack.domain.ids import Noun, noun_of
from beltstack.planner.arguments import TENANT, Leaf, Variables, values_of
from beltstack.planner.collect import Asked
from beltstack.planner.compile import Compiler, id_of
from beltstack.planner.entities import Registry
from beltstack.planner.json_sql import NULL, joined, json_object
from beltstack.planner.paging import BadPage
from beltstack.planner.plans import Plan

NODES_MOST = 100


@dataclass(frozen=True, slots=True)
class Roots:
    """Which root field is one object of which noun by id, and which is its list; `tenant`, `node`, `nodes` beside."""

    single: Mapping[str, Noun]
    lists: Mapping[str, Noun]

    def holds(self, name: str) -> bool:
        return name in self.single or name in self.lists or name in {"tenant", "node", "nodes"}


def plan_query(registry: Registry, roots: Roots, actor: Actor, asked: Sequence[Asked]) -> Plan:
    """One statement for all these root fields. Raises the refusals that no answer can stand beside."""
    compiler = Compiler(registry, actor)
    members = [(one.key, [_root(compiler, roots, one)]) for one in asked]
    return _plan(compiler, joined(json_object(members)))


def plan_object(registry: Registry, actor: Actor, noun: Noun, asked: Asked, *, several: bool) -> Plan:
    """What a mutation answers with: one object by the variable SUBJECT, or the list of those that exist."""
    compiler = Compiler(registry, actor)
    if several:
        text = compiler.existing(registry.by_noun[noun], lambda variables: variables[SUBJECT], asked)
    else:
        text = compiler.one(registry.by_noun[noun], lambda variables: variables[SUBJECT], asked)
    return _plan(compiler, text)


SUBJECT = "\0subject"
"""Where the variables of a mutation's answer hold its subject."""


def _plan(compiler: Compiler, text: ColumnElement[Any]) -> Plan:
    return Plan(
        statement=select(text),
        binds=dict(compiler.binds),
        python_fields=tuple(compiler.python_fields),
        refusals=tuple(compiler.hidden.values()),
    )


def _root(compiler: Compiler, roots: Roots, asked: Asked) -> ColumnElement[Any]:
    by_noun = compiler.registry.by_noun
    if asked.name in roots.lists:
        return compiler.root_list(by_noun[roots.lists[asked.name]], asked)
    if asked.name == "tenant":
        return compiler.one(by_noun[Noun.TENANT], lambda variables: variables[TENANT], asked)
    if asked.name == "nodes":
        return _nodes(compiler, asked)
    identifier = asked.arguments["id"]
    assert isinstance(identifier, Leaf)
    noun = roots.single.get(asked.name) or noun_of(str(identifier.now))
    if noun not in by_noun:
        return NULL
    return compiler.one(by_noun[noun], id_of(noun, identifier.of), asked)


def _nodes(compiler: Compiler, asked: Asked) -> ColumnElement[Any]:
    ids = values_of(asked.arguments["ids"])

    def read(variables: Variables) -> list[str]:
        given = [str(one) for one in ids(variables)]
        if len(given) > NODES_MOST:
            raise BadPage(f"Ask for at most {NODES_MOST} ids at once; these are {len(given)}.")
        return [one if noun_of(one) else "" for one in given]

    # Every noun stands in the statement: which of them a request names is not the plan's business.
    return compiler.nodes(sorted(compiler.registry.by_noun), read, asked)
