// graphql-inspector: `validate SCHEMA DOCUMENT...` prints what is wrong; `diff BASE HEAD` the paths that broke.
import { readFileSync } from "node:fs";

import { CriticalityLevel, diff, validate } from "@graphql-inspector/core";
import { buildSchema, Source } from "graphql";

const [verb, ...files] = process.argv.slice(2);
const texts = files.map((file) => new Source(readFileSync(file, "utf8"), file));

const schema = buildSchema(texts[0]);
if (verb === "validate") {
  const found = await validate(schema, texts.slice(1), { strictDeprecated: true });
  console.log(JSON.stringify(found.flatMap(({ errors, deprecated }) => [...errors, ...deprecated].map(String))));
} else {
  const changes = await diff(schema, buildSchema(texts[1]));
  const breaking = changes.filter((change) => change.criticality.level === CriticalityLevel.Breaking);
  console.log(JSON.stringify(breaking.map(({ path }) => path)));
}
