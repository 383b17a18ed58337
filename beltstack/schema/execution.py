"""Carrying a document out: entities by the planner, mutations by commands, the rest by graphql-core."""

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute,
    get_argument_values,
    get_variable_values,
)
from strawberry.types.arguments import convert_argument

from beltstack.domain.access import Actor
from beltstack.domain.errors import Refusal, Refusals
from beltstack.planner.answers import PlanCache, answer, filled, members, shaped
from beltstack.planner.arguments import TENANT, Variables, shape
from beltstack.planner.collect import Asked, Document, collect
from beltstack.planner.entities import Registry
from beltstack.planner.plans import Plan
from beltstack.planner.roots import SUBJECT, plan_object, plan_query
from beltstack.schema.build import MUTATIONS
from beltstack.schema.context import Context
from beltstack.schema.documents import ERRORS_MOST, Documents, Operation, Reason, Unprocessable
from beltstack.schema.limits import check_cost
from beltstack.schema.masking import shown
from beltstack.schema.mutations import Mutation, carry_out, kept_field
from beltstack.schema.queries import ROOTS
from beltstack.schema.refusals import as_graphql_error, camel, error_as_json
from beltstack.schema.types import REGISTRY
from beltstack.schema.values import LimitExceeded
from beltstack.store.batches import PremiseFailed
from beltstack.store.tenants import check_premise
from beltstack.store.trips import Trips

_BY_NAME = {mutation.name: mutation for mutation in MUTATIONS}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request is answered with: `data` as JSON text, `null` where an error took all of it."""

    data: str
    errors: tuple[Mapping[str, Any], ...] = ()
    cost: int = 0


class Executor:
    """The three ways a root field is answered, and the documents and plans that were made before."""

    def __init__(self, schema: strawberry.Schema, registry: Registry = REGISTRY) -> None:
        self.schema = schema
        self.registry = registry
        self.documents = Documents(schema._schema)
        self.plans = PlanCache()

    async def execute(self, asked_for: Operation, given: Mapping[str, Any], context: Context) -> Outcome:
        """Unexpected errors are masked. Raises Unprocessable for what is refused before anything is done."""
        coerced = self._coerced(asked_for, given)
        try:
            cost = check_cost(asked_for.cost, coerced.coerced)
        except LimitExceeded as limit:
            raise Unprocessable.of_limit(limit) from None
        return replace(await self._carried_out(asked_for, coerced, given, context), cost=cost)

    def _coerced(self, asked_for: Operation, given: Mapping[str, Any]) -> Any:
        definitions = asked_for.operation.variable_definitions or ()
        coerced = get_variable_values(self._graphql, definitions, dict(given), max_errors=ERRORS_MOST)
        if isinstance(coerced, list):
            raise Unprocessable([shown(error) for error in coerced], Reason.VARIABLES)
        return coerced

    async def _carried_out(
        self, asked_for: Operation, coerced: Any, given: Mapping[str, Any], context: Context
    ) -> Outcome:
        try:
            # Only what the document declares: anything else would make plans that nobody asked for.
            variables = {**coerced.coerced, TENANT: context.asked.actor.tenant_id}
            if asked_for.operation.operation is OperationType.MUTATION:
                await prove(context)
                # Proved once and for all: a second look could only start over what is done by then.
                context = replace(context, premise=None)
                return await self._mutate(asked_for, coerced, variables, context)
            return await self._query(asked_for, variables, given, context)
        except PremiseFailed:
            raise
        except Refusal as refusal:
            await prove(context)
            return Outcome("null", (shown(as_graphql_error(refusal)),))
        except Refusals as refusals:
            await prove(context)
            return Outcome("null", tuple(shown(as_graphql_error(refusal)) for refusal in refusals.refusals))
        except Exception as error:
            return Outcome("null", (shown(GraphQLError(str(error), original_error=error)),))

    @property
    def _graphql(self) -> GraphQLSchema:
        return self.schema._schema

    # ── queries ───────────────────────────────────────────────────────────────────────────────────

    async def _query(
        self, asked_for: Operation, variables: Variables, given: Mapping[str, Any], context: Context
    ) -> Outcome:
        roots = collect([asked_for.operation.selection_set], _document(asked_for, variables), frozenset({"Query"}))
        planned = [one for one in roots if ROOTS.holds(one.name)]
        others = [one for one in roots if not ROOTS.holds(one.name)]
        if not others:
            plan = self._plan(asked_for, variables, context, planned)
            text, refusals = await answer(plan, variables, self._fetch(context), context.asked)
            return Outcome(text, _told(refusals))
        await prove(context)
        rest = await self._by_graphql_core(asked_for, others, given, context)
        if rest.data is None or not planned:
            return Outcome(_dumped(rest.data), _shown(rest))
        plan = self._plan(asked_for, variables, context, planned)
        text, refusals = await answer(plan, variables, self._fetch(context), context.asked)
        return Outcome(_joined(roots, text, rest.data), (*_shown(rest), *_told(refusals)))

    def _plan(self, asked_for: Operation, variables: Variables, context: Context, planned: Sequence[Asked]) -> Plan:
        actor = context.asked.actor
        key = self._key(asked_for, variables, actor)
        return self.plans.get(key, lambda: plan_query(self.registry, ROOTS, actor, planned))

    def _key(self, asked_for: Operation, variables: Variables, actor: Actor) -> tuple[Hashable, ...]:
        name = asked_for.operation.name.value if asked_for.operation.name else None
        return asked_for.text, name, actor.roles, shape({k: v for k, v in variables.items() if k != TENANT})

    def _fetch(self, context: Context) -> Any:
        async def fetch(plan: Plan, values: Mapping[str, Any]) -> str:
            asked = context.asked
            found = await asked.database.reads.fetch(
                plan.text, plan.wired(values), tenant_id=asked.actor.tenant_id, premise=context.premise
            )
            return (found or b"null").decode()

        return fetch

    async def _by_graphql_core(
        self, asked_for: Operation, others: Sequence[Asked], given: Mapping[str, Any], context: Context
    ) -> ExecutionResult:
        """Introspection and what is no entity, as a document of their own."""
        nodes = tuple(node for one in others for node in one.nodes)
        operation = _with_fields(asked_for.operation, nodes)
        definitions = tuple(
            operation if one is asked_for.operation else one
            for one in asked_for.document.definitions
            if one is asked_for.operation or isinstance(one, FragmentDefinitionNode)
        )
        result = execute(
            self._graphql,
            DocumentNode(definitions=definitions),
            variable_values=dict(given),
            context_value=context,
        )
        found = await result if isawaitable(result) else result
        assert isinstance(found, ExecutionResult)
        return found

    # ── mutations ─────────────────────────────────────────────────────────────────────────────────

    async def _mutate(self, asked_for: Operation, coerced: Any, variables: Variables, context: Context) -> Outcome:
        """One after another, each in a transaction of its own."""
        roots = collect([asked_for.operation.selection_set], _document(asked_for, variables), frozenset({"Mutation"}))
        members: list[str] = []
        told: list[Mapping[str, Any]] = []
        for one in roots:
            if one.name == "__typename":
                members.append(f'"{one.key}":"Mutation"')
                continue
            text, errors = await self._mutation(asked_for, one, coerced, variables, context)
            members.append(f'"{one.key}":{text}')
            told.extend(errors)
        return Outcome("{" + ",".join(members) + "}", tuple(told))

    async def _mutation(
        self, asked_for: Operation, asked: Asked, coerced: Any, variables: Variables, context: Context
    ) -> tuple[str, Sequence[Mapping[str, Any]]]:
        mutation = _BY_NAME[asked.name]
        given = self._input(mutation, asked, coerced)
        payload = asked.below(f"{mutation.type_name}Payload")
        kept = [one for one in payload if one.name == kept_field(mutation)]
        # The selections are compiled before the transaction begins.
        plans = {one.key: self._subject_plan(asked_for, variables, context, mutation, asked, one) for one in kept}

        async def read(trips: Trips, subject: Any) -> str:
            values = {**variables, SUBJECT: subject}
            texts = {key: await _read(trips, plan, values) for key, plan in plans.items()}
            return _dumped(texts)

        done = await carry_out(context.asked, mutation, given, read)
        texts: dict[str, str] = json.loads(done.text) if done.text.startswith("{") else dict.fromkeys(plans, done.text)
        also = {camel(name): name for name in mutation.also}
        members = []
        told: list[Refusal] = []
        for one in payload:
            if one.name == "__typename":
                members.append(f'"{one.key}":"{mutation.type_name}Payload"')
            elif one.name == "userErrors":
                errors = [shaped(error_as_json(refusal), one) for refusal in done.errors]
                members.append(f'"{one.key}":{_dumped(errors)}')
            elif one.name in also:
                members.append(f'"{one.key}":{_dumped(done.said.get(also[one.name]))}')
            elif mutation.counts and one.name == "count":
                members.append(f'"{one.key}":{done.count}')
            else:
                whole, nulls = await filled(plans[one.key], texts[one.key], context.asked)
                members.append(f'"{one.key}":{whole}')
                told.extend(nulls)
        return "{" + ",".join(members) + "}", _told(told)

    def _subject_plan(
        self, asked_for: Operation, variables: Variables, context: Context, mutation: Mutation, *path: Asked
    ) -> Plan:
        actor = context.asked.actor
        key = (*self._key(asked_for, variables, actor), *(one.key for one in path))
        several = bool(mutation.several)
        return self.plans.get(
            key, lambda: plan_object(self.registry, actor, mutation.subject, path[-1], several=several)
        )

    def _input(self, mutation: Mutation, asked: Asked, coerced: Any) -> Any:
        mutation_type = self._graphql.mutation_type
        assert mutation_type is not None
        values = get_argument_values(mutation_type.fields[mutation.name], asked.nodes[0], coerced)
        registry = self.schema.schema_converter.scalar_registry
        return convert_argument(values["input"], mutation.input, registry, self.schema.config)


async def prove(context: Context) -> None:
    """Before anything that does not prove in passing who asks. Raises PremiseFailed."""
    if context.premise is not None:
        await check_premise(context.asked.database, context.premise)


async def _read(trips: Trips, plan: Plan, variables: Variables) -> str:
    """What a command left, in its own transaction."""
    return await trips.answer(plan.text, plan.wired(plan.values(variables))) or "null"


def _document(asked_for: Operation, variables: Variables) -> Document:
    fragments = {
        one.name.value: one for one in asked_for.document.definitions if isinstance(one, FragmentDefinitionNode)
    }
    return Document(fragments, variables)


def _with_fields(operation: OperationDefinitionNode, nodes: tuple[FieldNode, ...]) -> OperationDefinitionNode:
    return OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=operation.variable_definitions,
        directives=operation.directives,
        selection_set=SelectionSetNode(selections=nodes),
    )


def _joined(roots: Sequence[Asked], text: str, rest: Mapping[str, Any]) -> str:
    """Both parts as one object, in the order asked."""
    texts = members(text) | {key: _dumped(value) for key, value in rest.items()}
    return "{" + ",".join(f'"{one.key}":{texts[one.key]}' for one in roots) + "}"


def _told(refusals: Sequence[Refusal]) -> tuple[Mapping[str, Any], ...]:
    return tuple(shown(as_graphql_error(refusal)) for refusal in refusals)


def _shown(result: ExecutionResult) -> tuple[Mapping[str, Any], ...]:
    return tuple(shown(error) for error in result.errors or ())


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
