"""Calls to where a tenant says: over real sockets, to nothing that is not public."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from beltstack.delivery.http import Connections
from beltstack.delivery.outbound import AddressRefused, PublicTransport
from beltstack.domain.network import is_public
from beltstack.plugins.runtime import PluginHost
from beltstack.settings import Settings

NAME = "hooks.example"


@dataclass
class Receiver:
    port: int = 0
    hosts: list[str] = field(default_factory=list)
    """The Host of each request."""
    names: list[str | None] = field(default_factory=list)
    """What each handshake asked for."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for NAME and for no address, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain) + built.public_bytes(encoding)
    )
    return path


@asynccontextmanager
async def a_receiver(certificate: Path | None = None) -> AsyncIterator[Receiver]:
    """It notes what reaches it on 127.0.0.1, over TLS where it has a certificate."""
    receiver = Receiver()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        receiver.hosts += [line[6:] for line in head.decode().split("\r\n") if line.lower().startswith("host: ")]
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _, name, __: receiver.names.append(name)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


def names(*answers: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A name server: each look-up of a name gets the next answer, the last one again and again."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


@asynccontextmanager
async def a_client(
    *answers: Sequence[str], certificate: Path | None = None, allows: Callable[[str], bool] = is_public
) -> AsyncIterator[httpx.AsyncClient]:
    context = ssl.create_default_context(cafile=certificate)
    limits = httpx.Limits()
    public = PublicTransport(context=context, limits=limits, resolve=names(*answers), is_allowed=allows)
    connections = Connections(public=public)
    async with connections.client(is_public=True) as client:
        yield client
    await connections.close()


@pytest.mark.parametrize("url", [
    "https://127.0.0.1:{port}/", "https://localhost:{port}/", "https://LOCALHOST:{port}/",
    "https://127.0.0.1.:{port}/", "https://127.1:{port}/", "https://2130706433:{port}/", "https://0x7f000001:{port}/",
    "https://0177.0.0.1:{port}/", "https://017700000001:{port}/", "https://0x7f.0.0.1:{port}/",
    "https://0:{port}/", "https://0.0.0.0:{port}/", "https://127.127.127.127:{port}/",
    "https://[::1]:{port}/", "https://[::]:{port}/", "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/", "https://[0:0:0:0:0:0:0:1]:{port}/", "https://[::127.0.0.1]:{port}/",
    "https://[64:ff9b::127.0.0.1]:{port}/", "https://[64:ff9b:1::1]:{port}/", "https://[2002:7f00:1::]:{port}/",
    "https://[ff02::1]:{port}/", "https://[fe80::1]:{port}/", "https://[::ffff:0:127.0.0.1]:{port}/",
    "https://192.0.0.192/", "https://169.254.169.254/latest/meta-data/", "https://224.0.0.1/", "https://10.0.0.1/",
    "https://127\u30020\u30020\u30021:{port}/", "https://１２７.0.0.1:{port}/", "https://ⓛocalhost:{port}/",
    "https://example.com@127.0.0.1:{port}/", "https://example.com:443@127.0.0.1/",
    "https://127.0.0.1:{port}#@example.com/", "https://127.0.0.1:{port}?@example.com/",
])  # fmt: skip
async def test_nothing_but_the_public_internet_is_called(url: str) -> None:
    connections = Connections()
    async with a_receiver() as receiver, connections.client(is_public=True) as client:
        with pytest.raises((AddressRefused, httpx.InvalidURL)):
            await client.post(url.format(port=receiver.port), content=b"{}")
    await connections.close()
    assert receiver.hosts == []


@pytest.mark.parametrize("url", [
    "http://hooks.example/", "http://hooks.example:{port}/", "https://user:password@hooks.example:{port}/",
    "https://user@hooks.example:{port}/", "https://hooks.example:22/", "https://hooks.example:25/",
    "https://hooks.example:80/", "https://hooks.example:1023/", "ftp://hooks.example/",
])  # fmt: skip
async def test_a_public_host_is_called_by_https_alone_and_without_a_user(url: str) -> None:
    async with a_receiver() as receiver, a_client(["127.0.0.1"], allows=lambda _: True) as client:
        with pytest.raises(AddressRefused):
            await client.post(url.format(port=receiver.port))
    assert receiver.hosts == []


async def test_a_name_with_a_dot_at_its_end_is_no_way_round() -> None:
    """Whether `localhost.` is known at all depends on the machine."""
    connections = Connections()
    async with a_receiver() as receiver, connections.client(is_public=True) as client:
        with pytest.raises((AddressRefused, httpx.ConnectError)):
            await client.post(f"https://localhost.:{receiver.port}/")
    await connections.close()
    assert receiver.hosts == []


@pytest.mark.parametrize("answer", [
    ["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["fd00:ec2::254"], ["fe80::1%eth0"], ["64:ff9b::a00:1"],
    ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["2606:4700::1", "8.8.8.8", "8.8.4.4", "1.1.1.1", "::1"],
])  # fmt: skip
async def test_a_name_with_any_address_that_is_not_public_is_not_called(answer: Sequence[str]) -> None:
    async with a_receiver() as receiver, a_client(answer) as client:
        with pytest.raises(AddressRefused) as refused:
            await client.post(f"https://{NAME}:{receiver.port}/")
    assert receiver.hosts == []
    assert refused.value.code == "ADDRESS_REFUSED"
    assert not any(address in str(refused.value) for address in answer)


async def test_a_name_that_changes_its_answer_leads_nowhere_else(certificate: Path) -> None:
    """The address that was looked at is the one that is called: DNS is asked once for each connection."""
    allows = {"127.0.0.1"}.__contains__
    async with (
        a_receiver(certificate) as receiver,
        a_client(["127.0.0.1"], ["127.0.0.2"], certificate=certificate, allows=allows) as client,
    ):
        url = f"https://{NAME}:{receiver.port}/"
        assert (await client.post(url)).status_code == 204
        with pytest.raises(AddressRefused):
            await client.post(url)
    assert len(receiver.hosts) == 1


async def test_the_receiver_is_called_and_proved_by_its_name(certificate: Path) -> None:
    allows = {"127.0.0.1"}.__contains__
    async with (
        a_receiver(certificate) as receiver,
        a_client(["127.0.0.1"], certificate=certificate, allows=allows) as client,
    ):
        assert (await client.post(f"https://{NAME}:{receiver.port}/")).status_code == 204
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.post(f"https://other.example:{receiver.port}/")
    assert receiver.hosts == [f"{NAME}:{receiver.port}"]
    assert receiver.names == [NAME, "other.example"]


async def test_a_dead_address_leaves_time_for_the_next(certificate: Path) -> None:
    def allows(address: str) -> bool:
        return ip_address(address).is_loopback

    async with (
        a_receiver(certificate) as receiver,
        a_client(["127.0.0.9", "127.0.0.1"], certificate=certificate, allows=allows) as client,
    ):
        assert (await client.post(f"https://{NAME}:{receiver.port}/")).status_code == 204


async def test_redirects_and_the_environments_proxies_are_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_receiver() as proxy, a_client(["10.0.0.1"]) as client:
        for variable in ("HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(AddressRefused):
            await client.post(f"https://{NAME}/")
        assert not client.follow_redirects
    assert proxy.hosts == []


async def test_a_name_that_nobody_knows_is_tried_again_later() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    public = PublicTransport(context=ssl.create_default_context(), limits=httpx.Limits(), resolve=resolve)
    async with httpx.AsyncClient(transport=public) as client:
        with pytest.raises(httpx.ConnectError):
            await client.post(f"https://{NAME}/")


@pytest.mark.parametrize(("given", "may"), [({}, False), ({"BELTSTACK_ALLOW_PRIVATE_ADDRESSES": "true"}, True),
                                            ({"BELTSTACK_ALLOW_PRIVATE_ADDRESSES": "perhaps"}, False)])  # fmt: skip
def test_private_addresses_are_called_only_where_the_operator_says_so(given: dict[str, str], *, may: bool) -> None:
    assert Settings.from_environment({"BELTSTACK_DATA_DIR": "x", **given}).allow_private_addresses is may
    assert PluginHost.discover(may_call_private=may).may_call_private is may
