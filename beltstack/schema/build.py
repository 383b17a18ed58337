"""The schema, put together."""

import strawberry
from graphql import GraphQLError, GraphQLInputObjectType
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type
from strawberry.types import ExecutionContext

from beltstack.schema import (
    catalog,
    customers,
    integrations,
    invoices,
    sites,
    technicians,
    tenants,
    visits,
    work_orders,
)
from beltstack.schema.mutations import Mutation, field_of
from beltstack.schema.queries import query_fields
from beltstack.schema.scalars import SCALARS
from beltstack.schema.types import KINDS

MUTATIONS: tuple[Mutation, ...] = tuple(
    mutation
    for noun in (tenants, customers, sites, technicians, catalog, work_orders, visits, invoices, integrations)
    for mutation in noun.MUTATIONS
)


class Schema(strawberry.Schema):
    """Leaves the logging of errors to the endpoint, which knows refusals from defects."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing here: see `beltstack.schema.masking`."""


def build_schema() -> strawberry.Schema:
    """One schema for every tenant."""
    schema = Schema(
        query=create_type("Query", query_fields(), description="Where reading starts."),
        mutation=create_type(
            "Mutation",
            [field_of(mutation) for mutation in MUTATIONS],
            description="One mutation for each action a person takes.",
        ),
        types=list(KINDS.values()),
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    _check_one_of(schema)
    return schema


def _check_one_of(schema: strawberry.Schema) -> None:
    """strawberry marks `@oneOf` for readers and checks variables; graphql-core's rules need its own mark."""
    for kind in schema._schema.type_map.values():
        definition = (kind.extensions or {}).get("strawberry-definition")
        if isinstance(kind, GraphQLInputObjectType) and getattr(definition, "is_one_of", False):
            kind.is_one_of = True
