"""What a tenant may have us call: nothing that is not out there for everybody."""

from ipaddress import ip_address, ip_network

import pytest

from beltstack.domain.network import is_plain_host, is_public

NOT_PUBLIC_V4 = (
    # IANA's special-purpose registry, the first and the last address of each.
    "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "100.100.100.200",
    "127.0.0.0", "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.170.2", "169.254.255.255",
    "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.8", "192.0.0.9", "192.0.0.10", "192.0.0.170", "192.0.0.171",
    "192.0.0.192", "192.0.0.255", "192.0.2.0", "192.0.2.255", "192.52.193.1", "192.88.99.1", "192.88.99.2",
    "192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0",
    "203.0.113.255", "224.0.0.0", "224.0.0.1", "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255",
    "168.63.129.16",
)  # fmt: skip
NOT_PUBLIC_V6 = (
    "::", "::1", "::2", "::127.0.0.1", "::169.254.169.254", "::8.8.8.8",
    # IPv4 in IPv6: mapped, translated (SIIT), NAT64, 6to4, Teredo, ISATAP on a link.
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "::ffff:0:0:1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b::808:808", "64:ff9b:1::1", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "2002::",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1", "2001::", "2001::1", "2001:0:7f00:1::",
    "2001:1::1", "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1",
    "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::5efe:7f00:1",
    "100::", "100::1", "100:0:0:1::1", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::1", "3fff:fff::1",
    "5f00::1", "fc00::", "fd00::1", "fd00:ec2::254", "fdff:ffff::1", "fe80::", "fe80::1", "fe80::1%eth0", "febf::1",
    "fec0::1", "ff00::", "ff02::1", "ff05::1:3", "ff0e::1", "4000::1", "8000::1", "e000::1", "200::1",
    "2606:4700::1%eth0",
)  # fmt: skip
PUBLIC = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.215.14", "100.63.255.255", "100.128.0.0", "126.1.1.1",
    "128.0.0.1", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255",
    "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
    "2606:4700:4700::1111", "2001:4860:4860::8888", "2001:200::1", "2003::1", "2a00:1450:4001:80f::200e", "3ffe::1",
    "2620:fe::fe",
)  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC_V4 + NOT_PUBLIC_V6)
def test_what_is_not_one_machine_of_the_internet_is_not_public(address: str) -> None:
    assert not is_public(address)
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_what_lies_beside_the_special_ranges_is_public(address: str) -> None:
    assert is_public(address)


def test_no_ipv4_address_gets_in_by_being_written_as_ipv6() -> None:
    for prefix in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::"):
        for address in NOT_PUBLIC_V4:
            assert not is_public(str(ip_address(int(ip_address(prefix)) + int(ip_address(address)))))
    for address in NOT_PUBLIC_V4:
        assert not is_public(str(ip_network((int(ip_address("2002::")) + (int(ip_address(address)) << 80), 128))[0]))


@pytest.mark.parametrize("host", [
    "127.1", "127.0.1", "2130706433", "0x7f000001", "0X7F000001", "0x7f.1", "0x7f.0x0.0x0.0x1", "017700000001",
    "0177.0.0.1", "010.0.0.1", "127.0.0.01", "127.0.0.1.", "2130706433.", "10.1", "3232235521", "a.1", "0x", "", ".",
    "1.2.3.4.5", "256.1.1.1", "１２７.１",
])  # fmt: skip
def test_an_address_in_an_odd_spelling_is_no_host(host: str) -> None:
    assert not is_plain_host(host)


@pytest.mark.parametrize("host", [
    "hooks.example.com", "hooks.example.com.", "127.0.0.1", "::1", "xn--bcher-kva.example", "0x7f.example", "1.example",
    "localhost",
])  # fmt: skip
def test_a_name_and_an_address_as_usual_are_hosts(host: str) -> None:
    assert is_plain_host(host)
