"""The first tables, and who may see what of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    ids()
    tables()
    no_double_booking()
    row_level_security()
    grants()
    token_lookup()
    search()


def ids() -> None:
    """UUIDs of version 7 for the rows that SQL itself makes: milliseconds first, then chance."""
    op.execute(
        """create function uuid_v7() returns uuid language sql volatile as
           $$ select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
                placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                from 1 for 6), 52, 1), 53, 1), 'hex')::uuid $$"""
    )


def no_double_booking() -> None:
    """Two dispatchers at once: one wins. `uuidrange` stands in for btree_gist, which not every server has."""
    op.execute("create type uuidrange as range (subtype = uuid)")
    op.execute(
        """alter table assignment add constraint assignment_no_double_booking exclude using gist (
             uuidrange(tenant_id, tenant_id, '[]') with &&,
             uuidrange(technician_id, technician_id, '[]') with &&,
             during with &&)
           where (blocks and state in ('ASSIGNED', 'DISPATCHED', 'ACCEPTED', 'EN_ROUTE', 'ON_SITE', 'PAUSED'))"""
    )


OF_THE_ENGINE = ("integration", "lane", "delivery", "plugin_job", "inbound")
# What the engine's role may let go, and what of it: nothing younger than a week.
LET_GO = {
    "event": "recorded_at < now() - interval '7 days'",
    "delivery": "state in ('DELIVERED', 'CANCELED') and settled_at < now() - interval '7 days'",
    "delivery_attempt": "ended_at < now() - interval '7 days'",
    "inbound": "settled_at < now() - interval '7 days'",
    "idempotency": "created_at < now() - interval '7 days'",
}
ENGINE_SEES = "tenant_id, integration_id, stream, seq, state, due_at"


def row_level_security() -> None:
    """Every table, forced on its owner too. The app role sees one tenant; without one, nothing."""
    for name in sorted(table_names()):
        key = "id" if name == "tenant" else "tenant_id"
        mine = f"{key} = (select nullif(current_setting('app.tenant', true), '')::uuid)"
        op.execute(f"alter table {name} enable row level security")
        op.execute(f"alter table {name} force row level security")
        op.execute(f"create policy one_tenant on {name} to beltstack_app using ({mine}) with check ({mine})")
        op.execute(f"create policy migrations on {name} to beltstack_owner using (true) with check (true)")
        if name in OF_THE_ENGINE:
            op.execute(f"create policy all_lanes on {name} for select to beltstack_engine using (true)")
    op.execute("create policy all_tenants on tenant for select to beltstack_engine using (true)")
    for name, condition in LET_GO.items():
        if name not in OF_THE_ENGINE:
            op.execute(f"create policy what_is_old on {name} for select to beltstack_engine using (true)")
        op.execute(f"create policy let_go on {name} for delete to beltstack_engine using ({condition})")
    # An issued invoice stands: not even the app role can take it away.
    op.execute(
        "create policy drafts_only on invoice as restrictive for delete to beltstack_app using (state = 'DRAFT')"
    )


READ_AND_ADD = ("event", "audit_entry", "idempotency", "invoice_line", "invoice_work_order", "delivery_attempt")
REMOVABLE = ("work_order", "work_order_equipment", "line_item", "visit", "assignment", "invoice", "invoice_line",
             "invoice_work_order")


def grants() -> None:
    op.execute("grant usage on schema beltstack to beltstack_app, beltstack_engine")
    for name in sorted(table_names() - {"tenant", "api_token"}):
        rights = "select, insert" if name in READ_AND_ADD else "select, insert, update"
        op.execute(f"grant {rights} on {name} to beltstack_app")
    op.execute(f"grant delete on {', '.join(REMOVABLE)} to beltstack_app")
    op.execute("grant select, update on tenant to beltstack_app")
    # The engine looks across tenants only for lanes that are due; what a lane does, it does as the app role.
    op.execute("grant select (tenant_id, id, plugin_id, status, sweep_from, sweep_to) on integration to beltstack_engine")
    op.execute(f"grant select ({ENGINE_SEES}) on delivery to beltstack_engine")
    op.execute("grant select on lane, plugin_job to beltstack_engine")
    op.execute("grant select (tenant_id, integration_id, id, state, due_at) on inbound to beltstack_engine")
    op.execute("grant delete on connect_attempt to beltstack_app")
    op.execute("grant select (id) on tenant to beltstack_engine")
    op.execute("grant select (tenant_id, id, stream, seq, recorded_at) on event to beltstack_engine")
    op.execute("grant select (id, event_id, settled_at) on delivery to beltstack_engine")
    op.execute("grant select (tenant_id, delivery_id, ended_at) on delivery_attempt to beltstack_engine")
    op.execute("grant select (settled_at) on inbound to beltstack_engine")
    op.execute("grant select (tenant_id, actor_id, key, created_at) on idempotency to beltstack_engine")
    op.execute(f"grant delete on {', '.join(sorted(LET_GO))} to beltstack_engine")


def token_lookup() -> None:
    """Before a request has a tenant, one function may look across all of them: a token's hash to its actor."""
    op.execute(
        """create function token_actor(token_hash bytea)
           returns table (tenant_id uuid, id uuid, kind text, roles text[], technician_id uuid)
           language sql stable security definer set search_path = beltstack, pg_temp as
           $$ select tenant_id, id, kind, roles, technician_id from api_token
              where hash = token_hash and revoked_at is null and (expires_at is null or expires_at > now()) $$"""
    )
    # What a token began, it may not end once it is revoked.
    op.execute(
        """create function token_is_alive(token uuid) returns boolean
           language sql stable security definer set search_path = beltstack, pg_temp as
           $$ select exists (
                select from api_token
                where tenant_id = nullif(current_setting('app.tenant', true), '')::uuid and id = token
                  and revoked_at is null and (expires_at is null or expires_at > now())) $$"""
    )
    op.execute("revoke execute on function token_is_alive from public")
    op.execute("grant execute on function token_is_alive to beltstack_app")
    op.execute("revoke execute on function token_actor from public")
    op.execute("grant execute on function token_actor to beltstack_app")


SEARCHED = ("catalog_item", "customer", "equipment", "site", "work_order")


def search() -> None:
    """Under row-level security the match of a tsquery may use no index: it is not leakproof.

    So a function looks into the index as its owner, and only for the transaction's tenant, which is a word of every
    row's vector: the words of others are passed over inside the index. The tenant is compared as text, which no index
    holds: PostgreSQL would read the tenant's part of one from end to end only to confirm the few rows found. That
    leaves one index, and the whole table, which is never right.

    A GIN index reads every place of every word it is asked for, however few rows have them all. So a look at the
    newest rows comes first. If some of them are found and only the newest are wanted (`most` of them, older than
    `behind`), they are read in their order, each seen whether it is found. Otherwise the index is asked only for the
    words that none of the newest rows has, and the rows that have these are seen whether they have the others.
    `asked` is all of the `words` together, or all there is to ask.
    """
    for name in SEARCHED:
        op.execute(
            f"""create function found_in_{name}(asked tsquery, words tsquery[], behind uuid, most int)
               returns setof uuid language plpgsql stable security definer rows 100
               set search_path = beltstack, pg_temp set enable_seqscan = off as $$
               declare
                 tenant uuid := nullif(current_setting('app.tenant', true), '');
                 newest tsvector[] := array(
                   select search from {name} where tenant_id = tenant order by id desc limit 200);
                 rare tsquery;
                 page uuid[];
               begin
                 if most is not null and exists (select from unnest(newest) row (search) where search @@ asked) then
                   page := array(
                     select id from (
                       select id, search from {name} where tenant_id = tenant and (behind is null or id < behind)
                       order by id desc limit 5000) row
                     where search @@ asked order by id desc limit most);
                   if cardinality(page) = most then
                     return query select unnest(page);
                     return;
                   end if;
                 end if;
                 select string_agg(word::text, ' & ')::tsquery into rare from unnest(words) word
                 where not exists (select from unnest(newest) row (search) where search @@ word);
                 return query
                   select id from {name}
                   where tenant_id::text = tenant::text
                     and search @@ (quote_literal(tenant)::tsquery && coalesce(rare, asked))
                     and (search @@ asked) is true and (behind is null or id < behind)
                   order by id desc limit most;
               end $$"""
        )
        signature = f"found_in_{name}(tsquery, tsquery[], uuid, int)"
        op.execute(f"revoke execute on function {signature} from public")
        op.execute(f"grant execute on function {signature} to beltstack_app")


def table_names() -> set[str]:
    return set(sa.inspect(op.get_bind()).get_table_names(schema="beltstack")) - {"alembic_version"}


def tables() -> None:
    op.create_table(
        "tenant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("completion_needs_approval", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("self_approval_allowed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("double_booking_policy", sa.Text(), server_default="BLOCK", nullable=False),
        sa.Column("tax_mode", sa.Text(), server_default="EXCLUSIVE", nullable=False),
        sa.Column("tax_rounding", sa.Text(), server_default="PER_LINE", nullable=False),
        sa.Column("default_tax_code_id", sa.Uuid(), nullable=True),
        sa.Column("payment_terms_days", sa.Integer(), server_default="30", nullable=False),
        sa.Column("books_locked_through", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "double_booking_policy in ('BLOCK', 'WARN', 'ALLOW')", name=op.f("tenant_double_booking_policy_check")
        ),
        sa.CheckConstraint("tax_mode in ('EXCLUSIVE', 'INCLUSIVE')", name=op.f("tenant_tax_mode_check")),
        sa.CheckConstraint("tax_rounding in ('PER_LINE', 'PER_DOCUMENT')", name=op.f("tenant_tax_rounding_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("tenant_pkey")),
        sa.UniqueConstraint("slug", name=op.f("tenant_slug_key")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("facts", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("audit_entry_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("audit_entry_pkey")),
    )
    op.create_index(
        op.f("audit_entry_tenant_id_subject_id_at_idx"), "audit_entry", ["tenant_id", "subject_id", "at"], unique=False
    )
    op.create_table(
        "catalog_item",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("unit_price", sa.Numeric(), nullable=False),
        sa.Column("unit_cost", sa.Numeric(), nullable=True),
        sa.Column("taxable", sa.Boolean(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search", postgresql.TSVECTOR(), server_default="", nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("sku_key", sa.Text(collation="C"), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "kind in ('LABOR', 'PART', 'MATERIAL', 'FEE', 'TRAVEL', 'EXPENSE', 'DISCOUNT', 'TEXT')",
            name=op.f("catalog_item_kind_check"),
        ),
        sa.CheckConstraint(
            "abs(unit_cost) < 100000000000000 and scale(unit_cost) <= 4", name=op.f("catalog_item_unit_cost_check")
        ),
        sa.CheckConstraint(
            "abs(unit_price) < 100000000000000 and scale(unit_price) <= 4", name=op.f("catalog_item_unit_price_check")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("catalog_item_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("catalog_item_pkey")),
        sa.UniqueConstraint("tenant_id", "sku", name=op.f("catalog_item_tenant_id_sku_key")),
    )
    op.create_index(op.f("catalog_item_search_idx"), "catalog_item", ["search"], unique=False, postgresql_using="gin")
    op.create_index(
        op.f("catalog_item_tenant_id_archived_at_id_idx"),
        "catalog_item",
        ["tenant_id", "archived_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("catalog_item_tenant_id_name_key_id_idx"), "catalog_item", ["tenant_id", "name_key", "id"], unique=False
    )
    op.create_index(
        op.f("catalog_item_tenant_id_sku_key_id_idx"), "catalog_item", ["tenant_id", "sku_key", "id"], unique=False
    )
    op.create_table(
        "customer",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("given_name", sa.Text(), nullable=True),
        sa.Column("family_name", sa.Text(), nullable=True),
        sa.Column("company", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("billing_address", postgresql.JSONB(), nullable=True),
        sa.Column("tax_exempt", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("credit_hold", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("do_not_service", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search", postgresql.TSVECTOR(), server_default="", nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("email_key", sa.Text(collation="C"), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("kind in ('RESIDENTIAL', 'COMMERCIAL')", name=op.f("customer_kind_check")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("customer_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("customer_pkey")),
    )
    op.create_index(op.f("customer_search_idx"), "customer", ["search"], unique=False, postgresql_using="gin")
    op.create_index(
        op.f("customer_tenant_id_archived_at_id_idx"), "customer", ["tenant_id", "archived_at", "id"], unique=False
    )
    op.create_index(
        op.f("customer_tenant_id_email_key_id_idx"), "customer", ["tenant_id", "email_key", "id"], unique=False
    )
    op.create_index(
        op.f("customer_tenant_id_name_key_id_idx"), "customer", ["tenant_id", "name_key", "id"], unique=False
    )
    op.create_table(
        "event",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stream", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("v", sa.Integer(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column(
            "position",
            sa.BigInteger(),
            server_default=sa.text("((pg_current_xact_id())::text)::bigint"),
            nullable=False,
        ),
        sa.CheckConstraint("octet_length(data::text) <= 16384", name=op.f("event_size_check")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("event_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("event_pkey")),
        sa.UniqueConstraint("tenant_id", "stream", "seq", name=op.f("event_tenant_id_stream_seq_key")),
    )
    op.create_index(op.f("event_tenant_id_position_id_idx"), "event", ["tenant_id", "position", "id"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("answer", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("idempotency_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "actor_id", "key", name=op.f("idempotency_pkey")),
    )
    op.create_table(
        "integration",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plugin_id", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("is_ledger", sa.Boolean(), nullable=False),
        sa.Column("fails_closed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("problem_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("connected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("sweep_from", sa.Text(), nullable=True),
        sa.Column("sweep_to", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "status in ('DISABLED', 'ENABLED', 'PAUSED', 'NEEDS_REAUTH', 'BROKEN')",
            name=op.f("integration_status_check"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("integration_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("integration_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "plugin_id", "instance", name=op.f("integration_tenant_id_plugin_id_instance_key")
        ),
        sa.UniqueConstraint("tenant_id", "address", name=op.f("integration_tenant_id_address_key")),
    )
    op.create_index(
        "integration_one_ledger_key",
        "integration",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("is_ledger and status <> 'DISABLED'"),
    )
    op.create_index(
        "integration_sweep_idx",
        "integration",
        ["tenant_id", "id"],
        unique=False,
        postgresql_where=sa.text("sweep_from is not null"),
    )
    op.create_table(
        "number_sequence",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("number_sequence_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "kind", name=op.f("number_sequence_pkey")),
    )
    op.create_table(
        "tax_code",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("components", postgresql.JSONB(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code_key", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("tax_code_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("tax_code_pkey")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("tax_code_tenant_id_code_key")),
    )
    op.create_index(
        op.f("tax_code_tenant_id_code_key_id_idx"), "tax_code", ["tenant_id", "code_key", "id"], unique=False
    )
    op.create_table(
        "technician",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name_key", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("kind in ('EMPLOYEE', 'SUBCONTRACTOR')", name=op.f("technician_kind_check")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("technician_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("technician_pkey")),
    )
    op.create_index(
        op.f("technician_tenant_id_archived_at_id_idx"), "technician", ["tenant_id", "archived_at", "id"], unique=False
    )
    op.create_index(
        op.f("technician_tenant_id_name_key_id_idx"), "technician", ["tenant_id", "name_key", "id"], unique=False
    )
    op.create_table(
        "api_token",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "technician_id"],
            ["technician.tenant_id", "technician.id"],
            name=op.f("api_token_tenant_id_technician_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("api_token_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("api_token_pkey")),
        sa.UniqueConstraint("hash", name=op.f("api_token_hash_key")),
    )
    op.create_index(
        op.f("api_token_tenant_id_technician_id_id_idx"),
        "api_token",
        ["tenant_id", "technician_id", "id"],
        unique=False,
    )
    op.create_table(
        "contact",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("roles", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customer.tenant_id", "customer.id"],
            name=op.f("contact_tenant_id_customer_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("contact_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("contact_pkey")),
    )
    op.create_index(
        op.f("contact_tenant_id_customer_id_id_idx"), "contact", ["tenant_id", "customer_id", "id"], unique=False
    )
    op.create_table(
        "delivery",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("stream", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retried_seconds", sa.Double(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("waits_for", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "error_class in ('THROTTLED', 'TRANSIENT', 'TIMEOUT', 'UNKNOWN_OUTCOME', 'RECONNECT', 'NEEDS_ATTENTION', 'REJECTED', 'WAITING', 'DEFECT')",
            name=op.f("delivery_error_class_check"),
        ),
        sa.CheckConstraint(
            "state in ('READY', 'RUNNING', 'WAITING', 'DELIVERED', 'DEAD', 'CANCELED')",
            name=op.f("delivery_state_check"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "event_id"], ["event.tenant_id", "event.id"], name=op.f("delivery_tenant_id_event_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "integration_id"],
            ["integration.tenant_id", "integration.id"],
            name=op.f("delivery_tenant_id_integration_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("delivery_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("delivery_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "integration_id", "event_id", name=op.f("delivery_tenant_id_integration_id_event_id_key")
        ),
    )
    op.create_index(
        "delivery_dead_idx", "delivery", ["tenant_id", "id"], unique=False, postgresql_where=sa.text("state = 'DEAD'")
    )
    op.create_index(
        "delivery_due_idx",
        "delivery",
        ["tenant_id", "integration_id", "due_at", "seq"],
        unique=False,
        postgresql_where=sa.text("state = 'READY'"),
    )
    op.create_index(
        "delivery_running_idx",
        "delivery",
        ["tenant_id", "integration_id"],
        unique=False,
        postgresql_where=sa.text("state = 'RUNNING'"),
    )
    op.create_index(
        op.f("delivery_tenant_id_event_id_id_idx"), "delivery", ["tenant_id", "event_id", "id"], unique=False
    )
    op.create_index(
        op.f("delivery_tenant_id_integration_id_id_idx"),
        "delivery",
        ["tenant_id", "integration_id", "id"],
        unique=False,
    )
    op.create_index(
        "delivery_unsettled_idx",
        "delivery",
        ["tenant_id", "integration_id", "stream", "seq"],
        unique=False,
        postgresql_where=sa.text("state in ('READY', 'RUNNING', 'WAITING', 'DEAD')"),
    )
    op.create_index(
        "delivery_waiting_idx",
        "delivery",
        ["tenant_id", "integration_id", "waits_for"],
        unique=False,
        postgresql_where=sa.text("state = 'WAITING'"),
    )
    op.create_table(
        "lane",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tat", sa.DateTime(timezone=True), server_default=sa.text("'epoch'"), nullable=False),
        sa.Column("rests_until", sa.DateTime(timezone=True), server_default=sa.text("'epoch'"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("calls_hour", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("hourly_calls", sa.ARRAY(sa.Integer()), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "integration_id"],
            ["integration.tenant_id", "integration.id"],
            name=op.f("lane_tenant_id_integration_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "integration_id", name=op.f("lane_pkey")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "plugin_job",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), server_default=sa.text("'epoch'"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "integration_id"],
            ["integration.tenant_id", "integration.id"],
            name=op.f("plugin_job_tenant_id_integration_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "integration_id", "name", name=op.f("plugin_job_pkey")),
    )
    op.create_table(
        "problem",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("is_critical", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "integration_id"],
            ["integration.tenant_id", "integration.id"],
            name=op.f("problem_tenant_id_integration_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("problem_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("problem_pkey")),
    )
    op.create_index(
        "problem_open_key",
        "problem",
        ["tenant_id", "integration_id", "key"],
        unique=True,
        postgresql_where=sa.text("resolved_at is null"),
    )
    op.create_index(
        op.f("problem_tenant_id_integration_id_id_idx"), "problem", ["tenant_id", "integration_id", "id"], unique=False
    )
    op.create_table(
        "reference",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_version", sa.Text(), nullable=True),
        sa.Column("external_url", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "integration_id"],
            ["integration.tenant_id", "integration.id"],
            name=op.f("reference_tenant_id_integration_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "integration_id", "entity", "entity_id", name=op.f("reference_pkey")),
        sa.UniqueConstraint(
            "tenant_id",
            "integration_id",
            "entity",
            "external_id",
            name=op.f("reference_tenant_id_integration_id_entity_external_id_key"),
        ),
    )
    op.create_index(
        op.f("reference_tenant_id_entity_entity_id_idx"),
        "reference",
        ["tenant_id", "entity", "entity_id"],
        unique=False,
    )
    op.create_table(
        "site",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("address", postgresql.JSONB(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("contact_name", sa.Text(), nullable=True),
        sa.Column("access_instructions", sa.Text(), nullable=True),
        sa.Column("tax_code_id", sa.Uuid(), nullable=True),
        sa.Column("search", postgresql.TSVECTOR(), server_default="", nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customer.tenant_id", "customer.id"],
            name=op.f("site_tenant_id_customer_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "tax_code_id"],
            ["tax_code.tenant_id", "tax_code.id"],
            name=op.f("site_tenant_id_tax_code_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("site_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("site_pkey")),
    )
    op.create_index(op.f("site_search_idx"), "site", ["search"], unique=False, postgresql_using="gin")
    op.create_index(op.f("site_tenant_id_customer_id_id_idx"), "site", ["tenant_id", "customer_id", "id"], unique=False)
    op.create_index(op.f("site_tenant_id_name_key_id_idx"), "site", ["tenant_id", "name_key", "id"], unique=False)
    op.create_index(op.f("site_tenant_id_tax_code_id_id_idx"), "site", ["tenant_id", "tax_code_id", "id"], unique=False)
    op.create_table(
        "delivery_attempt",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "error_class in ('THROTTLED', 'TRANSIENT', 'TIMEOUT', 'UNKNOWN_OUTCOME', 'RECONNECT', 'NEEDS_ATTENTION', 'REJECTED', 'WAITING', 'DEFECT')",
            name=op.f("delivery_attempt_error_class_check"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "delivery_id"],
            ["delivery.tenant_id", "delivery.id"],
            name=op.f("delivery_attempt_tenant_id_delivery_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("delivery_attempt_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("delivery_attempt_pkey")),
    )
    op.create_index(
        op.f("delivery_attempt_tenant_id_delivery_id_id_idx"),
        "delivery_attempt",
        ["tenant_id", "delivery_id", "id"],
        unique=False,
    )
    op.create_table(
        "equipment",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("manufacturer", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("installed_on", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), server_default="", nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("serial_key", sa.Text(collation="C"), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "status in ('OPERATIONAL', 'DEGRADED', 'DOWN', 'REMOVED')", name=op.f("equipment_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "site_id"], ["site.tenant_id", "site.id"], name=op.f("equipment_tenant_id_site_id_fkey")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("equipment_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("equipment_pkey")),
    )
    op.create_index(op.f("equipment_search_idx"), "equipment", ["search"], unique=False, postgresql_using="gin")
    op.create_index(
        op.f("equipment_tenant_id_name_key_id_idx"), "equipment", ["tenant_id", "name_key", "id"], unique=False
    )
    op.create_index(
        op.f("equipment_tenant_id_serial_key_id_idx"), "equipment", ["tenant_id", "serial_key", "id"], unique=False
    )
    op.create_index(
        op.f("equipment_tenant_id_site_id_id_idx"), "equipment", ["tenant_id", "site_id", "id"], unique=False
    )
    op.create_table(
        "work_order",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("po_number", sa.Text(), nullable=True),
        sa.Column("no_charge", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("keep_billable_lines", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("nte_amount", sa.Numeric(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("needs_return", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("hold_reason", sa.Text(), nullable=True),
        sa.Column("review_on", sa.Date(), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("billing_state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search", postgresql.TSVECTOR(), server_default="", nullable=False),
        sa.Column("number_key", sa.Text(collation="C"), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "billing_state in ('NOT_BILLABLE', 'UNBILLED', 'PARTIALLY_BILLED', 'BILLED', 'PAID')",
            name=op.f("work_order_billing_state_check"),
        ),
        sa.CheckConstraint(
            "outcome in ('RESOLVED', 'PARTIAL', 'CANNOT_COMPLETE', 'NO_ACCESS', 'DUPLICATE')",
            name=op.f("work_order_outcome_check"),
        ),
        sa.CheckConstraint("priority in ('LOW', 'NORMAL', 'HIGH', 'URGENT')", name=op.f("work_order_priority_check")),
        sa.CheckConstraint(
            "source in ('CALL', 'FORM', 'RECURRING', 'ESTIMATE', 'API', 'FOLLOW_UP', 'IMPORT')",
            name=op.f("work_order_source_check"),
        ),
        sa.CheckConstraint(
            "state in ('DRAFT', 'OPEN', 'SCHEDULED', 'IN_PROGRESS', 'ON_HOLD', 'PENDING_APPROVAL', 'COMPLETED', 'CLOSED', 'CANCELED')",
            name=op.f("work_order_state_check"),
        ),
        sa.CheckConstraint(
            "abs(nte_amount) < 100000000000000 and scale(nte_amount) <= 4", name=op.f("work_order_nte_amount_check")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "contact_id"],
            ["contact.tenant_id", "contact.id"],
            name=op.f("work_order_tenant_id_contact_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customer.tenant_id", "customer.id"],
            name=op.f("work_order_tenant_id_customer_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "site_id"], ["site.tenant_id", "site.id"], name=op.f("work_order_tenant_id_site_id_fkey")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("work_order_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("work_order_pkey")),
        sa.UniqueConstraint("tenant_id", "number", name=op.f("work_order_tenant_id_number_key")),
    )
    op.create_index(op.f("work_order_search_idx"), "work_order", ["search"], unique=False, postgresql_using="gin")
    op.create_index(
        op.f("work_order_tenant_id_billing_state_state_id_idx"),
        "work_order",
        ["tenant_id", "billing_state", "state", "id"],
        unique=False,
    )
    op.create_index(
        op.f("work_order_tenant_id_contact_id_id_idx"), "work_order", ["tenant_id", "contact_id", "id"], unique=False
    )
    op.create_index(
        op.f("work_order_tenant_id_customer_id_id_idx"), "work_order", ["tenant_id", "customer_id", "id"], unique=False
    )
    op.create_index(
        op.f("work_order_tenant_id_number_key_id_idx"), "work_order", ["tenant_id", "number_key", "id"], unique=False
    )
    op.create_index(
        op.f("work_order_tenant_id_site_id_id_idx"), "work_order", ["tenant_id", "site_id", "id"], unique=False
    )
    op.create_index(op.f("work_order_tenant_id_state_id_idx"), "work_order", ["tenant_id", "state", "id"], unique=False)
    op.create_table(
        "invoice",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("tax_mode", sa.Text(), nullable=False),
        sa.Column("tax_rounding", sa.Text(), nullable=False),
        sa.Column("subtotal", sa.Numeric(), nullable=False),
        sa.Column("tax", sa.Numeric(), nullable=False),
        sa.Column("total", sa.Numeric(), nullable=False),
        sa.Column("paid", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("memo", sa.Text(), nullable=True),
        sa.Column("is_progress", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("terms_days", sa.Integer(), nullable=False),
        sa.Column("drafted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("number_key", sa.Text(collation="C"), nullable=True),
        sa.Column("due_order", sa.Date(), server_default="9999-01-01", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(state = 'DRAFT') = (number is null)", name=op.f("invoice_number_check")),
        sa.CheckConstraint(
            "state in ('DRAFT', 'ISSUED', 'PARTIALLY_PAID', 'PAID', 'VOID', 'WRITTEN_OFF')",
            name=op.f("invoice_state_check"),
        ),
        sa.CheckConstraint("tax_mode in ('EXCLUSIVE', 'INCLUSIVE')", name=op.f("invoice_tax_mode_check")),
        sa.CheckConstraint("tax_rounding in ('PER_LINE', 'PER_DOCUMENT')", name=op.f("invoice_tax_rounding_check")),
        sa.CheckConstraint("abs(paid) < 100000000000000 and scale(paid) <= 4", name=op.f("invoice_paid_check")),
        sa.CheckConstraint(
            "abs(subtotal) < 100000000000000 and scale(subtotal) <= 4", name=op.f("invoice_subtotal_check")
        ),
        sa.CheckConstraint("abs(tax) < 100000000000000 and scale(tax) <= 4", name=op.f("invoice_tax_check")),
        sa.CheckConstraint("abs(total) < 100000000000000 and scale(total) <= 4", name=op.f("invoice_total_check")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customer.tenant_id", "customer.id"],
            name=op.f("invoice_tenant_id_customer_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "site_id"], ["site.tenant_id", "site.id"], name=op.f("invoice_tenant_id_site_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "work_order_id"],
            ["work_order.tenant_id", "work_order.id"],
            name=op.f("invoice_tenant_id_work_order_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("invoice_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("invoice_pkey")),
        sa.UniqueConstraint("tenant_id", "number", name=op.f("invoice_tenant_id_number_key")),
    )
    op.create_index(
        op.f("invoice_tenant_id_customer_id_id_idx"), "invoice", ["tenant_id", "customer_id", "id"], unique=False
    )
    op.create_index(
        op.f("invoice_tenant_id_due_order_id_idx"), "invoice", ["tenant_id", "due_order", "id"], unique=False
    )
    op.create_index(
        op.f("invoice_tenant_id_number_key_id_idx"), "invoice", ["tenant_id", "number_key", "id"], unique=False
    )
    op.create_index(op.f("invoice_tenant_id_site_id_id_idx"), "invoice", ["tenant_id", "site_id", "id"], unique=False)
    op.create_index(op.f("invoice_tenant_id_state_id_idx"), "invoice", ["tenant_id", "state", "id"], unique=False)
    op.create_index(
        op.f("invoice_tenant_id_work_order_id_id_idx"), "invoice", ["tenant_id", "work_order_id", "id"], unique=False
    )
    op.create_table(
        "visit",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("planned_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("planned_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("instructions", sa.Text(), nullable=True),
        sa.Column("return_reason", sa.Text(), nullable=True),
        sa.Column("planned_order", sa.DateTime(timezone=True), server_default="9999-01-01 00:00:00+00", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("kind in ('SERVICE', 'ASSESSMENT', 'RETURN', 'DELIVERY')", name=op.f("visit_kind_check")),
        sa.CheckConstraint(
            "state in ('UNSCHEDULED', 'SCHEDULED', 'DISPATCHED', 'EN_ROUTE', 'ON_SITE', 'PAUSED', 'COMPLETED', 'INCOMPLETE', 'NO_ACCESS', 'CANCELED')",
            name=op.f("visit_state_check"),
        ),
        sa.CheckConstraint("planned_start < planned_end", name=op.f("visit_planned_check")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "work_order_id"],
            ["work_order.tenant_id", "work_order.id"],
            name=op.f("visit_tenant_id_work_order_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("visit_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("visit_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "work_order_id", "sequence", name=op.f("visit_tenant_id_work_order_id_sequence_key")
        ),
    )
    op.create_index(
        op.f("visit_tenant_id_planned_order_id_idx"), "visit", ["tenant_id", "planned_order", "id"], unique=False
    )
    op.create_index(op.f("visit_tenant_id_state_id_idx"), "visit", ["tenant_id", "state", "id"], unique=False)
    op.create_index(
        op.f("visit_tenant_id_work_order_id_id_idx"), "visit", ["tenant_id", "work_order_id", "id"], unique=False
    )
    op.create_table(
        "work_order_equipment",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("equipment_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "equipment_id"],
            ["equipment.tenant_id", "equipment.id"],
            name=op.f("work_order_equipment_tenant_id_equipment_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "work_order_id"],
            ["work_order.tenant_id", "work_order.id"],
            name=op.f("work_order_equipment_tenant_id_work_order_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "work_order_id", "equipment_id", name=op.f("work_order_equipment_pkey")),
    )
    op.create_index(
        op.f("work_order_equipment_tenant_id_equipment_id_idx"),
        "work_order_equipment",
        ["tenant_id", "equipment_id"],
        unique=False,
    )
    op.create_table(
        "assignment",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("en_route_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=True),
        sa.Column("blocks", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "planned_order",
            sa.DateTime(timezone=True),
            sa.Computed("coalesce(lower(during), '9999-01-01 00:00:00+00')", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("role in ('LEAD', 'HELPER')", name=op.f("assignment_role_check")),
        sa.CheckConstraint(
            "state in ('ASSIGNED', 'DISPATCHED', 'ACCEPTED', 'DECLINED', 'EN_ROUTE', 'ON_SITE', 'PAUSED', 'DONE', 'REMOVED')",
            name=op.f("assignment_state_check"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "technician_id"],
            ["technician.tenant_id", "technician.id"],
            name=op.f("assignment_tenant_id_technician_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "visit_id"], ["visit.tenant_id", "visit.id"], name=op.f("assignment_tenant_id_visit_id_fkey")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("assignment_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("assignment_pkey")),
    )
    op.create_index(
        op.f("assignment_tenant_id_technician_id_id_idx"),
        "assignment",
        ["tenant_id", "technician_id", "id"],
        unique=False,
    )
    columns = ["tenant_id", "technician_id", "planned_order", "visit_id", "state"]
    op.create_index("assignment_planned_idx", "assignment", columns, unique=False)
    op.create_index(
        op.f("assignment_tenant_id_visit_id_id_idx"), "assignment", ["tenant_id", "visit_id", "id"], unique=False
    )
    op.create_table(
        "invoice_work_order",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoice.tenant_id", "invoice.id"],
            name=op.f("invoice_work_order_tenant_id_invoice_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "work_order_id"],
            ["work_order.tenant_id", "work_order.id"],
            name=op.f("invoice_work_order_tenant_id_work_order_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "invoice_id", "work_order_id", name=op.f("invoice_work_order_pkey")),
    )
    op.create_index(
        op.f("invoice_work_order_tenant_id_work_order_id_invoice_id_idx"),
        "invoice_work_order",
        ["tenant_id", "work_order_id", "invoice_id"],
        unique=False,
    )
    op.create_table(
        "invoice_line",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("line_item_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("unit_price", sa.Numeric(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("tax_snapshot", postgresql.JSONB(), nullable=True),
        sa.Column("tax", sa.Numeric(), nullable=False),
        sa.Column("tax_components", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.CheckConstraint(
            "kind in ('LABOR', 'PART', 'MATERIAL', 'FEE', 'TRAVEL', 'EXPENSE', 'DISCOUNT', 'TEXT')",
            name=op.f("invoice_line_kind_check"),
        ),
        sa.CheckConstraint(
            "abs(amount) < 100000000000000 and scale(amount) <= 4", name=op.f("invoice_line_amount_check")
        ),
        sa.CheckConstraint(
            "abs(quantity) < 100000000000000 and scale(quantity) <= 4", name=op.f("invoice_line_quantity_check")
        ),
        sa.CheckConstraint("abs(tax) < 100000000000000 and scale(tax) <= 4", name=op.f("invoice_line_tax_check")),
        sa.CheckConstraint(
            "abs(unit_price) < 100000000000000 and scale(unit_price) <= 4", name=op.f("invoice_line_unit_price_check")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoice.tenant_id", "invoice.id"],
            name=op.f("invoice_line_tenant_id_invoice_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "work_order_id"],
            ["work_order.tenant_id", "work_order.id"],
            name=op.f("invoice_line_tenant_id_work_order_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("invoice_line_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("invoice_line_pkey")),
    )
    op.create_index(
        op.f("invoice_line_tenant_id_invoice_id_id_idx"),
        "invoice_line",
        ["tenant_id", "invoice_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("invoice_line_tenant_id_work_order_id_id_idx"),
        "invoice_line",
        ["tenant_id", "work_order_id", "id"],
        unique=False,
    )
    op.create_table(
        "line_item",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=True),
        sa.Column("catalog_item_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("invoiced_quantity", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("invoiced_amount", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("unit_price", sa.Numeric(), nullable=True),
        sa.Column("unit_cost", sa.Numeric(), nullable=True),
        sa.Column("discount_percent", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("discount_amount", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("coverage", sa.Text(), nullable=False),
        sa.Column("taxable", sa.Boolean(), nullable=False),
        sa.Column("net", sa.Numeric(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "coverage in ('BILLABLE', 'WARRANTY', 'CONTRACT', 'GOODWILL', 'INTERNAL')",
            name=op.f("line_item_coverage_check"),
        ),
        sa.CheckConstraint(
            "kind in ('LABOR', 'PART', 'MATERIAL', 'FEE', 'TRAVEL', 'EXPENSE', 'DISCOUNT', 'TEXT')",
            name=op.f("line_item_kind_check"),
        ),
        sa.CheckConstraint(
            "abs(discount_amount) < 100000000000000 and scale(discount_amount) <= 4",
            name=op.f("line_item_discount_amount_check"),
        ),
        sa.CheckConstraint("abs(net) < 100000000000000 and scale(net) <= 4", name=op.f("line_item_net_check")),
        sa.CheckConstraint(
            "abs(quantity) < 100000000000000 and scale(quantity) <= 4", name=op.f("line_item_quantity_check")
        ),
        sa.CheckConstraint(
            "abs(unit_cost) < 100000000000000 and scale(unit_cost) <= 4", name=op.f("line_item_unit_cost_check")
        ),
        sa.CheckConstraint(
            "abs(unit_price) < 100000000000000 and scale(unit_price) <= 4", name=op.f("line_item_unit_price_check")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "catalog_item_id"],
            ["catalog_item.tenant_id", "catalog_item.id"],
            name=op.f("line_item_tenant_id_catalog_item_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "visit_id"], ["visit.tenant_id", "visit.id"], name=op.f("line_item_tenant_id_visit_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "work_order_id"],
            ["work_order.tenant_id", "work_order.id"],
            name=op.f("line_item_tenant_id_work_order_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("line_item_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("line_item_pkey")),
    )
    op.create_index(
        op.f("line_item_tenant_id_catalog_item_id_id_idx"),
        "line_item",
        ["tenant_id", "catalog_item_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("line_item_tenant_id_visit_id_id_idx"), "line_item", ["tenant_id", "visit_id", "id"], unique=False
    )
    op.create_index(
        op.f("line_item_tenant_id_work_order_id_id_idx"),
        "line_item",
        ["tenant_id", "work_order_id", "id"],
        unique=False,
    )
    op.create_table(
        "payment",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "method in ('CASH', 'CHECK', 'CARD_EXTERNAL', 'CARD_PROCESSOR', 'BANK_TRANSFER', 'ACH', 'FINANCING', 'OTHER')",
            name=op.f("payment_method_check"),
        ),
        sa.CheckConstraint("abs(amount) < 100000000000000 and scale(amount) <= 4", name=op.f("payment_amount_check")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customer.tenant_id", "customer.id"],
            name=op.f("payment_tenant_id_customer_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoice.tenant_id", "invoice.id"],
            name=op.f("payment_tenant_id_invoice_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("payment_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("payment_pkey")),
    )
    op.create_index(
        op.f("payment_tenant_id_customer_id_id_idx"), "payment", ["tenant_id", "customer_id", "id"], unique=False
    )
    op.create_index(
        op.f("payment_tenant_id_invoice_id_id_idx"), "payment", ["tenant_id", "invoice_id", "id"], unique=False
    )
    op.create_index(
        op.f("payment_tenant_id_received_on_id_idx"), "payment", ["tenant_id", "received_on", "id"], unique=False
    )
    op.create_table(
        "connect_attempt",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("return_to", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "integration_id"],
            ["integration.tenant_id", "integration.id"],
            name=op.f("connect_attempt_tenant_id_integration_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("connect_attempt_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("connect_attempt_pkey")),
    )
    op.create_index(
        op.f("connect_attempt_tenant_id_integration_id_id_idx"),
        "connect_attempt",
        ["tenant_id", "integration_id", "id"],
        unique=False,
    )
    op.create_table(
        "inbound",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("headers", postgresql.JSONB(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("work_order_id", sa.Uuid(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('RECEIVED', 'DONE', 'SET_ASIDE', 'FAILED')", name=op.f("inbound_state_check")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "integration_id"],
            ["integration.tenant_id", "integration.id"],
            name=op.f("inbound_tenant_id_integration_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("inbound_tenant_id_fkey")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("inbound_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "integration_id", "key", name=op.f("inbound_tenant_id_integration_id_key_key")
        ),
    )
    op.create_index(
        "inbound_due_idx",
        "inbound",
        ["tenant_id", "integration_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'RECEIVED'"),
    )
    op.create_index(
        op.f("inbound_tenant_id_integration_id_id_idx"), "inbound", ["tenant_id", "integration_id", "id"], unique=False
    )
