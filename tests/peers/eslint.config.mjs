// The schema under graphql-eslint: Relay's rules whole, and every recommended one but for the exceptions named, each with why.
import graphql from "@graphql-eslint/eslint-plugin";

const recommended = graphql.configs["flat/schema-recommended"].rules;
const relay = graphql.configs["flat/schema-relay"].rules;

const VALUES = [
  "Address",
  "AvailableTransition",
  "DeliveryAttempt",
  "ExternalReference",
  "IntegrationHealth",
  "IntegrationProblem",
  "IntegrationReference",
  "Money",
  "PageInfo",
  "PluginJob",
  "TaxComponent",
  "TaxPart",
  "TimeSpan",
  "UserError",
];

export default [
  {
    files: ["**/*.graphql"],
    plugins: { "@graphql-eslint": graphql },
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: "schema.graphql" } },
    },
    rules: {
      ...recommended,
      ...relay,
      // `nodes` beside `edges` is for clients that do not need cursors; and short lists, like a visit's
      // assignments, are lists.
      "@graphql-eslint/relay-edge-types": ["error", { withEdgeSuffix: true, listTypeCanWrapOnlyEdgeType: false }],
      // Answers of a command and values without a life of their own have no id.
      "@graphql-eslint/strict-id-in-types": [
        "error",
        { exceptions: { suffixes: ["Payload", "Connection", "Edge"], types: VALUES } },
      ],
      // `@oneOf` is the specification's; its own definition carries no description here.
      "@graphql-eslint/require-description": ["error", { rootField: true, types: true, DirectiveDefinition: false }],
    },
  },
];
