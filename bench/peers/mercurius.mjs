// mercurius with its JIT and its loaders, on node-postgres with prepared statements.
import { createHash, randomUUID } from "node:crypto";
import Fastify from "fastify";
import mercurius from "mercurius";
import pg from "pg";
import { connection, ready } from "./database.mjs";

const pool = new pg.Pool(connection());
const schema = `
  type Amount { amount: String! }
  type Span { start: String! end: String! }
  type Address { line1: String! line2: String city: String region: String postalCode: String country: String! }
  type Customer { id: ID! name: String! phone: String openWorkOrders: Int! }
  type Site { id: ID! name: String! address: Address }
  type Technician { id: ID! name: String! }
  type Assignment { state: String! technician: Technician! }
  type Visit { id: ID! state: String! planned: Span assignments: [Assignment!]! }
  type LineItem { id: ID! description: String! quantity: String! unit: String unitPrice: Amount net: Amount! }
  type WorkOrder {
    id: ID! version: Int! number: String! title: String! priority: String! state: String! createdAt: String!
    customer: Customer! site: Site! visits: [Visit!]! lineItems: [LineItem!]!
  }
  type WorkOrders { nodes: [WorkOrder!]! }
  type Customers { nodes: [Customer!]! }
  type Query {
    workOrders(state: String!, first: Int!): WorkOrders!
    workOrder(id: ID!): WorkOrder
    customers(first: Int!, after: ID!): Customers!
  }
  type Mutation { transition(id: ID!, expectedVersion: Int!, state: String!, reason: String): WorkOrder! }
`;

const rows = async (context, name, text, values) => (await context.client.query({ name, text, values })).rows;
const WORK_ORDER = `select id, version, number, title, priority, state, created_at as "createdAt", customer_id, site_id
  from work_order where tenant_id = $1`;
const time = (value) => value && value.toISOString();
const order = (row) => row && { ...row, createdAt: time(row.createdAt) };

const byId = (table, columns, key, shape = (row) => row) => async (queries, context) => {
  const ids = [...new Set(queries.map(({ obj }) => obj[key]))];
  const text = `select ${columns} from ${table} where tenant_id = $1 and id = any($2::uuid[])`;
  const found = new Map((await rows(context, table, text, [context.tenant, ids])).map((row) => [row.id, shape(row)]));
  return queries.map(({ obj }) => found.get(obj[key]));
};
const ofOwner = (table, columns, owner, place, shape) => async (queries, context) => {
  const text = `select ${columns} from ${table} where tenant_id = $1 and ${owner} = any($2::uuid[]) order by ${place}`;
  const found = new Map(queries.map(({ obj }) => [obj.id, []]));
  for (const row of await rows(context, table, text, [context.tenant, [...found.keys()]]))
    found.get(row[owner]).push(shape(row));
  return queries.map(({ obj }) => found.get(obj.id));
};
const site = ({ address, ...row }) => ({ ...row, address: address && { ...address, postalCode: address.postal_code } });
const visit = ({ planned_start, planned_end, ...row }) => ({
  ...row,
  planned: planned_start && { start: time(planned_start), end: time(planned_end) },
});
const line = ({ unit_price, net, ...row }) => ({
  ...row,
  unitPrice: unit_price === null ? null : { amount: unit_price },
  net: { amount: net },
});
const openWorkOrders = async (queries, context) => {
  const text = `select customer_id, count(*)::int from work_order where tenant_id = $1 and customer_id = any($2::uuid[])
    and state in ('OPEN', 'SCHEDULED', 'IN_PROGRESS', 'ON_HOLD') group by customer_id`;
  const found = await rows(context, "open", text, [context.tenant, queries.map(({ obj }) => obj.id)]);
  const counts = new Map(found.map((row) => [row.customer_id, row.count]));
  return queries.map(({ obj }) => counts.get(obj.id) ?? 0);
};
const loaders = {
  WorkOrder: {
    customer: byId("customer", "id, name, phone", "customer_id"),
    site: byId("site", "id, name, address", "site_id", site),
    visits: ofOwner("visit", "id, work_order_id, state, planned_start, planned_end", "work_order_id", "sequence", visit),
    lineItems: ofOwner(
      "line_item", "id, work_order_id, description, quantity, unit, unit_price, net", "work_order_id", "position", line,
    ),
  },
  Visit: { assignments: ofOwner("assignment", "visit_id, state, technician_id", "visit_id", "position", (row) => row) },
  Assignment: { technician: byId("technician", "id, name", "technician_id") },
  Customer: { openWorkOrders },
};

const LOCK = `select w.version, w.state, w.number, w.title, w.priority, w.customer_id, w.site_id,
  (select coalesce(sum(l.net), 0) from line_item l where l.tenant_id = w.tenant_id and l.work_order_id = w.id) as total,
  w.currency from work_order w where w.tenant_id = $1 and w.id = $2 for update of w`;
const UPDATE = `update work_order set state = $3, hold_reason = $4, version = version + 1, updated_at = now(),
  updated_by = $5 where tenant_id = $1 and id = $2
  returning id, version, number, title, priority, state, created_at as "createdAt", customer_id, site_id`;
const EVENT = `insert into event (tenant_id, id, stream, seq, type, v, occurred_at, actor_kind, actor_id, request_id, data)
  select $1, uuid_v7(), $2,
         1 + coalesce((select max(seq) from event where tenant_id = $1 and stream = $2), 0), $3, 1, now(), $4, $5, $6, $7
  returning id, seq`;
const OWED = `insert into delivery (tenant_id, id, event_id, integration_id, stream, seq, state)
  select $1, uuid_v7(), $2, i.id, $3, $4, 'READY' from integration i where i.tenant_id = $1 and i.status <> 'DISABLED'
  returning pg_notify('beltstack_wake', '')`;
const AUDIT = `insert into audit_entry (tenant_id, id, actor_kind, actor_id, command, subject_id, request_id, facts)
  values ($1, uuid_v7(), $2, $3, $4, $5, $6, $7)`;

async function transition(_, { id, expectedVersion, state, reason }, context) {
  const { tenant, actor, kind } = context;
  const [before] = await rows(context, "lock", LOCK, [tenant, id]);
  if (before?.version !== expectedVersion || before.state === state) throw new Error("The work order stands elsewhere.");
  const [type, command] =
    state === "ON_HOLD" ? ["work_order.held", "work_order.hold"] : ["work_order.resumed", "work_order.resume"];
  const { version, state: from_state, ...facts } = before;
  const request = randomUUID();
  const data = { work_order_id: id, ...facts, from_state, state, reason };
  const [after] = await rows(context, "update", UPDATE, [tenant, id, state, reason, actor]);
  const [event] = await rows(context, "event", EVENT, [tenant, id, type, kind, actor, request, data]);
  await rows(context, "owed", OWED, [tenant, event.id, id, event.seq]);
  await rows(context, "audit", AUDIT, [tenant, kind, actor, command, id, request, [type]]);
  return order(after);
}

const resolvers = {
  Query: {
    workOrders: async (_, { state, first }, context) => {
      const text = `${WORK_ORDER} and state = $2 order by id desc limit $3`;
      return { nodes: (await rows(context, "board", text, [context.tenant, state, first])).map(order) };
    },
    workOrder: async (_, { id }, context) =>
      order((await rows(context, "one", `${WORK_ORDER} and id = $2`, [context.tenant, id]))[0]),
    customers: async (_, { first, after }, context) => {
      const text = "select id, name, phone from customer where tenant_id = $1 and id < $2 order by id desc limit $3";
      return { nodes: await rows(context, "customers", text, [context.tenant, after, first]) };
    },
  },
  Mutation: { transition },
};

const WHO = `select set_config('app.tenant', tenant_id::text, true), tenant_id, id, kind from token_actor($1)`;
const app = Fastify();
app.register(mercurius, {
  schema, resolvers, loaders, jit: 1, graphiql: false,
  context: async (request) => {
    const client = await pool.connect();
    request.client = client;
    const hash = createHash("sha256").update(request.headers.authorization.slice(7)).digest();
    await client.query("begin");
    const [who] = (await client.query({ name: "who", text: WHO, values: [hash] })).rows;
    return { client, tenant: who.tenant_id, actor: who.id, kind: who.kind };
  },
});
// The transaction ends before the answer leaves.
app.addHook("onSend", async (request, reply, payload) => {
  if (!request.client) return payload;
  await request.client.query(reply.statusCode === 200 && !payload.includes('"errors":[') ? "commit" : "rollback");
  request.client.release();
  request.client = undefined;
  return payload;
});
await app.listen({ port: 0, host: "127.0.0.1" });
ready(app.server.address().port, async () => {
  app.server.closeAllConnections();
  await app.close();
  await pool.end();
});
