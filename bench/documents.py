"""The documents that a frontend would send for the transitions measured."""

_ANSWER = "workOrder { id version state } userErrors { message code path }"

HOLD = f"mutation Hold($input: WorkOrderHoldInput!) {{ workOrderHold(input: $input) {{ {_ANSWER} }} }}"
RESUME = f"mutation Resume($input: WorkOrderTransitionInput!) {{ workOrderResume(input: $input) {{ {_ANSWER} }} }}"
