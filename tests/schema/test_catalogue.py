"""An admin sees what can be enabled: each plugin's forms and hooks, and those that could not be loaded, with why."""

from dataclasses import dataclass, replace
from typing import Any

from beltstack.domain.access import Role
from beltstack.plugins import secret
from beltstack.plugins.runtime import PluginHost
from tests.api import Company
from tests.schema.rules import Listener, a_rule

PLUGINS = """{ plugins { id name isInstalled isOffered problem hooks settingsSchema credentialsSchema } }"""


@dataclass(frozen=True, slots=True)
class Settings:
    region: str
    key: str = secret(default="")


async def test_plugins_show_their_forms_their_hooks_and_why_one_is_broken(company: Company) -> None:
    rule = a_rule("books", lambda change, context: None, settings=Settings)
    host = PluginHost([rule, Listener()], broken={"rotten": "ImportError: no module named acme"})
    found: list[Any] = (await replace(company.owner, host=host).ask(PLUGINS))["plugins"]
    assert [one["id"] for one in found] == ["books", "listener", "rotten"]
    books, listener, rotten = found
    assert books["hooks"] == ["before_work_order_complete"]
    assert books["settingsSchema"]["required"] == ["region"]
    assert books["settingsSchema"]["properties"]["key"]["writeOnly"] is True
    assert books["credentialsSchema"]["properties"] == {}
    assert (listener["hooks"], listener["isInstalled"], listener["problem"]) == (["work_order_completed"], True, None)
    assert (rotten["isInstalled"], rotten["isOffered"]) == (False, False)
    assert (rotten["problem"], rotten["settingsSchema"]) == ("ImportError: no module named acme", None)


async def test_a_plugin_whose_form_cannot_be_drawn_says_so_and_the_others_are_shown(company: Company) -> None:
    @dataclass(frozen=True, slots=True)
    class Odd:
        what: complex = 1j

    odd = a_rule("odd", lambda change, context: None, settings=Odd)
    host = PluginHost([odd, Listener()])
    listener, *_ = found = (await replace(company.owner, host=host).ask(PLUGINS))["plugins"]
    by_id = {one["id"]: one for one in found}
    assert listener["isInstalled"]
    assert by_id["odd"]["settingsSchema"] is None
    assert "JSON has nothing for it" in by_id["odd"]["problem"]


async def test_the_catalogue_is_the_admin_s(company: Company) -> None:
    viewer = await company.as_role(Role.VIEWER)
    (error,) = await viewer.errors(PLUGINS)
    assert error["extensions"]["code"] == "FORBIDDEN"
