async def test_each_use_of_a_plugin_is_asked_with_its_own_settings(shop: Shop) -> None:
    for instance, word in (("first", "Findings:"), ("second", "Diagnosis")):
        await shop.api.do(
            "integrationEnable", "integration { id }", pluginId="findings_rule", instance=instance,
            settings={"word": word},
        )  # fmt: skip
    note = {"kind": "TEXT", "description": "Diagnosis done.", "quantity": "0"}
    refused = await complete(shop, await shop.order(lineItems=[note]))
    assert ["'Findings:'" in error["message"] for error in refused["userErrors"]] == [True]
