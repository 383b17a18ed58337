"""A delivery worker of its own process for the chaos: killed, frozen, or two hours off."""

import asyncio
import os
import sys

from beltstack.delivery.working import work
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer, new_key
from tests.delivery.chaos_plugins import the_host
from tests.delivery.office import BRISK, QUICK


async def main() -> None:
    database = Database(sys.stdin.readline().strip())
    print(os.getpid(), flush=True)
    await work(database, the_host(), Sealer.of_key(new_key()), stop=asyncio.Event(), policy=BRISK, pace=QUICK)


if __name__ == "__main__":
    asyncio.run(main())
