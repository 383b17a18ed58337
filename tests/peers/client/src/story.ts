// A day at the office through typed documents; prints what came back as JSON.
import { randomUUID } from "node:crypto";

import { again } from "./again.js";
import { asker, RequestFailed } from "./ask.js";
import { done, Refused } from "./done.js";
import * as api from "./generated.js";
import { rows } from "./pages.js";

const [url, token] = process.argv.slice(2);
if (url === undefined || token === undefined) throw new Error("Give the endpoint's address and a token.");
const ask = asker(url, token);

const { id: customerId } = await customer("Ada Klein");
const { id: siteId } = await site();
const technicianId = await technician();

const titles = ["No cooling", "Noisy fan", "Yearly service"];
const orders: api.WorkOrderHeadFragment[] = [];
for (const title of titles) orders.push(await order(title));

const visit = await planned(at(orders, 0));
const from = "2026-03-02T00:00:00-06:00";
const board = await ask(api.BoardDocument, { from, to: "2026-03-03T00:00:00-06:00" });
const mine = await ask(api.MyVisitsDocument, { technician: technicianId });
const finished = await worked(visit);
for (const one of orders.slice(1)) await completed(one);

const unbilled: string[] = [];
const pages = rows(async (after) => (await ask(api.UnbilledWorkDocument, { first: 2, after })).workOrders);
for await (const row of pages) unbilled.push(row.title);

const { workOrders: latest } = await ask(api.WorkOrdersDocument, {
  where: { customerId: { eq: customerId }, not: { number: { eq: at(orders, 1).number } } },
  orderBy: { field: "NUMBER", direction: "DESC" },
});

const invoice = await issued(finished.id);
const paid = await paidInFull(invoice);
const history = await ask(api.CustomerHistoryDocument, { id: customerId });
const equipment = await ask(api.SiteEquipmentDocument, { id: siteId });
const found = await ask(api.SearchDocument, { words: "kle" });

console.log(
  JSON.stringify({
    board: board.visits.nodes.map((one) => [one.workOrder.title, at(one.assignments, 0).technician.name]),
    mine: mine.visits.nodes.map((one) => [one.workOrder.title, one.state]),
    finished: finished.state,
    unbilled,
    latest: latest.nodes.map((one) => one.title),
    invoice: [invoice.state, invoice.total.amount],
    paid: [paid.state, paid.balance.amount],
    history: history.customer?.workOrders.nodes.map((one) => [one.title, one.billingState, one.invoices.nodes.length]),
    equipment: equipment.site?.equipment.nodes.map((one) => [one.name, one.status]),
    found: found.customers.nodes.map((one) => one.name),
    repeated: await repeated(),
    blank: await refusal(() => customer("  ")),
    stale: await refusal(() => renamed(at(orders, 1), "Fan")),
    unknown: (await ask(api.CustomerHistoryDocument, { id: siteId })).customer,
    badCursor: await failure(() => ask(api.UnbilledWorkDocument, { first: 1, after: "nonsense" })),
    noToken: await failure(() => asker(url, "nonsense")(api.TechniciansDocument, {})),
  }),
);

async function customer(name: string, idempotencyKey: string = randomUUID()) {
  const input = { name, phone: "+1 555 0100", idempotencyKey };
  const { customerCreate: made } = await again(() => ask(api.CustomerCreateDocument, { input }));
  return done(made.customer, made.userErrors);
}

async function site() {
  const place = { customerId, name: "Home", timezone: "America/Chicago", address: { line1: "1 Elm St" } };
  const { siteCreate: made } = await ask(api.SiteCreateDocument, { input: place });
  const { id } = done(made.site, made.userErrors);
  const unit = { siteId: id, name: "Furnace", installedOn: "2019-10-01" };
  const { equipmentCreate } = await ask(api.EquipmentCreateDocument, { input: unit });
  done(equipmentCreate.equipment, equipmentCreate.userErrors);
  return { id };
}

async function technician(): Promise<string> {
  const { technicianCreate: made } = await ask(api.TechnicianCreateDocument, { input: { name: "Lee Park" } });
  return done(made.technician, made.userErrors).id;
}

async function order(title: string) {
  const lineItems = [{ description: "Diagnosis", quantity: "1.5", unitPrice: "86.00" }];
  const input = { customerId, siteId, title, source: "CALL" as const, lineItems };
  const { workOrderCreate: made } = await ask(api.WorkOrderCreateDocument, { input });
  return done(made.workOrder, made.userErrors);
}

async function planned(of: api.WorkOrderHeadFragment) {
  const span = { start: "2026-03-02T09:00:00-06:00", end: "2026-03-02T11:00:00-06:00" };
  const input = { workOrderId: of.id, planned: span, technicianIds: [technicianId] };
  const { visitCreate: made } = await ask(api.VisitCreateDocument, { input });
  return done(made.visit, made.userErrors);
}

async function worked(of: api.VisitHeadFragment) {
  const arrival = { id: of.id, expectedVersion: of.version, technicianId };
  const { visitArrive } = await ask(api.VisitArriveDocument, { input: arrival });
  const there = done(visitArrive.visit, visitArrive.userErrors);
  const { visitComplete } = await ask(api.VisitCompleteDocument, {
    input: { id: there.id, expectedVersion: there.version },
  });
  return await completed(done(visitComplete.visit, visitComplete.userErrors).workOrder);
}

async function completed({ id, version }: { id: string; version: number }) {
  const { workOrderComplete: made } = await ask(api.WorkOrderCompleteDocument, {
    input: { id, expectedVersion: version },
  });
  return done(made.workOrder, made.userErrors);
}

async function renamed({ id, version }: { id: string; version: number }, title: string) {
  const input = { id, expectedVersion: version, patch: { title } };
  const { workOrderUpdate: made } = await ask(api.WorkOrderUpdateDocument, { input });
  return done(made.workOrder, made.userErrors);
}

async function issued(workOrderId: string) {
  const { invoiceDraft } = await ask(api.InvoiceDraftDocument, { input: { workOrderId } });
  const { id, version } = done(invoiceDraft.invoice, invoiceDraft.userErrors);
  const { invoiceIssue } = await ask(api.InvoiceIssueDocument, { input: { id, expectedVersion: version } });
  return done(invoiceIssue.invoice, invoiceIssue.userErrors);
}

async function paidInFull(of: api.InvoiceHeadFragment) {
  const input = { invoiceId: of.id, amount: of.balance.amount, method: "CHECK" } as const;
  const { paymentRecord: made } = await ask(api.PaymentRecordDocument, { input });
  return done(made.payment, made.userErrors).invoice;
}

/** Whether one key makes one customer. */
async function repeated(): Promise<boolean> {
  const key = randomUUID();
  return (await customer("Bo Lind", key)).id === (await customer("Bo Lind", key)).id;
}

async function refusal(command: () => Promise<unknown>) {
  try {
    await command();
  } catch (error) {
    if (error instanceof Refused) return error.userErrors.map(({ code, path }) => [code, path]);
    throw error;
  }
  throw new Error("This had to be refused.");
}

async function failure(request: () => Promise<unknown>) {
  try {
    await request();
  } catch (error) {
    if (error instanceof RequestFailed) return [error.status, error.code];
    throw error;
  }
  throw new Error("This had to fail.");
}

function at<Value>(values: readonly Value[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw new Error(`There is no value at ${index}.`);
  return value;
}
