import { graphql } from "relay-runtime";

graphql`
  fragment History_customer on Customer
  @refetchable(queryName: "HistoryPage")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    name
    workOrders(first: $count, after: $cursor) @connection(key: "History_workOrders") {
      edges {
        node {
          number
          title
        }
      }
    }
  }
`;

graphql`
  mutation HistoryCreateMutation($input: WorkOrderCreateInput!, $connections: [ID!]!) {
    workOrderCreate(input: $input) {
      workOrder @prependNode(connections: $connections, edgeTypeName: "WorkOrderEdge") {
        number
        title
      }
      userErrors {
        code
        message
      }
    }
  }
`;
