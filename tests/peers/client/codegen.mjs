export default {
  schema: "schema.graphql",
  documents: "documents/*.graphql",
  generates: {
    "src/generated.ts": {
      plugins: ["typescript-operations", "typed-document-node"],
      config: {
        strictScalars: true, // a scalar without a type below is an error
        scalars: {
          ID: "string",
          Date: "string", // 2026-03-02
          DateTime: "string", // 2026-03-02T15:00:00+00:00
          Decimal: "string", // exact, like "129.00"; a number of JavaScript is not
          JSONObject: "Record<string, unknown>",
        },
        useTypeImports: true,
      },
    },
  },
};
