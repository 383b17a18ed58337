import { graphql } from "relay-runtime";

graphql`
  query BoardQuery($from: DateTime!, $to: DateTime!) {
    ...Board_query @arguments(from: $from, to: $to)
  }
`;

graphql`
  fragment Board_query on Query
  @refetchable(queryName: "BoardPage")
  @argumentDefinitions(
    from: { type: "DateTime!" }
    to: { type: "DateTime!" }
    count: { type: "Int", defaultValue: 20 }
    cursor: { type: "String" }
  ) {
    visits(
      first: $count
      after: $cursor
      where: { plannedStart: { between: { from: $from, to: $to } } }
      orderBy: { field: PLANNED_START, direction: ASC }
    ) @connection(key: "Board_visits") {
      edges {
        node {
          ...Board_visit
        }
      }
    }
  }
`;

graphql`
  fragment Board_visit on Visit @refetchable(queryName: "BoardVisitAgain") {
    state
    planned {
      start
      end
    }
  }
`;
