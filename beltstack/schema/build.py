"""The schema, put together."""

import strawberry
from graphql import GraphQLError
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
from beltstack.schema.documents import RememberDocuments, ValidDocuments
from beltstack.schema.mutations import Mutation, field_of
from beltstack.schema.queries import query_fields
from beltstack.schema.scalars import SCALARS
from beltstack.schema.types import REGISTRY

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
    known = ValidDocuments()
    return Schema(
        query=create_type("Query", query_fields(), description="Where reading starts."),
        mutation=create_type(
            "Mutation",
            [field_of(mutation) for mutation in MUTATIONS],
            description="One mutation for each action a person takes.",
        ),
        types=[entity.kind for entity in REGISTRY.by_name.values()],
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[lambda: RememberDocuments(known)],
    )
