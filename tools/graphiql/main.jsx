// The page's program: GraphiQL over the schema and the examples that the server hands it.
import { GraphiQL } from "graphiql";
import { buildSchema } from "graphql";
import { createRoot } from "react-dom/client";
import "graphiql/style.css";
import "./page.css";

const page = document.getElementById("graphiql");
const examples = JSON.parse(document.getElementById("examples").textContent);
const TOKEN_HEADER = JSON.stringify({ Authorization: "Bearer " }, null, 2);

// GraphiQL's history keeps headers whatever it is told, and a token is nothing for a browser's storage.
const storage = {
  get length() {
    return localStorage.length;
  },
  getItem: (key) => localStorage.getItem(key),
  removeItem: (key) => localStorage.removeItem(key),
  clear: () => localStorage.clear(),
  setItem: (key, value) => localStorage.setItem(key, withoutHeaders(value)),
};

function withoutHeaders(value) {
  if (!value.startsWith("{")) return value;
  return JSON.stringify(JSON.parse(value), (name, part) => (name === "headers" ? undefined : part));
}

async function fetcher(parameters, { headers } = {}) {
  const response = await fetch(page.dataset.endpoint, {
    method: "POST",
    headers: { ...headers, Accept: "application/graphql-response+json", "Content-Type": "application/json" },
    body: JSON.stringify(parameters),
  });
  return response.json();
}

async function show() {
  const schema = buildSchema(await (await fetch(page.dataset.schema)).text());
  createRoot(page).render(
    <GraphiQL
      fetcher={fetcher}
      storage={storage}
      schema={schema}
      defaultTabs={examples.map((query) => ({ query, headers: TOKEN_HEADER }))}
      defaultHeaders={TOKEN_HEADER}
      defaultEditorToolsVisibility="headers"
      shouldPersistHeaders={false}
      showPersistHeadersSettings={false}
    />,
  );
}

show().catch((problem) => {
  page.textContent = `GraphiQL cannot start: ${problem.message}. Reload the page, or look at the server's log.`;
});
