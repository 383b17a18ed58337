// PostGraphile from the tables, in production mode; its settings carry the token's tenant, so row-level security is on.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { grafserv } from "postgraphile/grafserv/node";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import pg from "pg";
import { connection, ready } from "./database.mjs";

const pool = new pg.Pool(connection());
const WHO = {
  name: "who",
  text: "select tenant_id, id, kind from token_actor($1)",
};
const preset = {
  extends: [PostGraphileAmberPreset],
  // Orders by columns that no index leads with are wanted here.
  disablePlugins: ["PgIndexBehaviorsPlugin"],
  pgServices: [makePgService({ pool, schemas: ["beltstack"] })],
  schema: { defaultBehavior: "+list", pgSimpleCollections: "both" },
  gather: { pgStrictFunctions: false },
  grafserv: { graphqlPath: "/graphql", graphiql: false, watch: false, maxRequestLength: 262144 },
  grafast: {
    explain: false,
    async context({ node }) {
      const hash = createHash("sha256").update(node.req.headers.authorization.slice(7)).digest();
      const [who] = (await pool.query({ ...WHO, values: [hash] })).rows;
      return {
        pgSettings: {
          role: "beltstack_app", "app.tenant": who.tenant_id, "app.actor": who.id, "app.actor_kind": who.kind,
        },
      };
    },
  },
};
const instance = postgraphile(preset);
if (process.env.BELTSTACK_BENCH_SCHEMA) {
  const { printSchema } = await import("graphql");
  console.error(printSchema(await instance.getSchema()));
}
const server = createServer();
server.on("error", (error) => console.error(error));
await instance.createServ(grafserv).addTo(server);
server.listen(0, "127.0.0.1", () =>
  ready(server.address().port, async () => {
    server.closeAllConnections();
    server.close();
    await instance.release();
    await pool.end();
  }),
);
