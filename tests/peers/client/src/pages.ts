interface Page<Row> {
  nodes: Row[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

/** Every row of a list, page after page. */
export async function* rows<Row>(page: (after: string | null) => Promise<Page<Row>>): AsyncGenerator<Row> {
  let after: string | null = null;
  do {
    const { nodes, pageInfo }: Page<Row> = await page(after);
    yield* nodes;
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after !== null);
}
