// What the peers on Node share: the database's address as node-postgres wants it, and being a child of the benchmark.
import { URL } from "node:url";

const given = process.env.BELTSTACK_BENCH_URL.replace(/^postgresql\+psycopg:/, "postgresql:");

export function connection() {
  // A socket's folder may stand as the query's `host`, which URL allows only behind some authority.
  const url = new URL(given.replace(/^postgresql:\/\/([^/]*@)?\//, "postgresql://$1localhost/"));
  return {
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    host: url.searchParams.get("host") ?? url.hostname,
    port: Number(url.searchParams.get("port") ?? (url.port || 5432)),
    max: 10,
    options: "-c role=beltstack_app -c search_path=beltstack -c timezone=UTC",
  };
}

export function ready(port, close) {
  console.log(`ready ${port}`);
  process.stdin.resume();
  process.stdin.on("end", async () => {
    await close();
    process.exit(0);
  });
}
