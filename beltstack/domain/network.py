"""Which addresses of the internet a tenant may have us call, and how a host may be spelt."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# IANA's special-purpose registries, and what else is no single machine out there. `is_global` alone is not enough:
# it takes multicast, 6to4, NAT64 and others for global, and its answers change between versions of Python.
_NOT_PUBLIC_V4 = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # behind a carrier's NAT, and some clouds' own services
            "127.0.0.0/8",
            "168.63.129.16/32",  # Azure's host, to every machine on it
            "169.254.0.0/16",  # link-local, and the clouds' metadata
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments, and Oracle's metadata
            "192.0.2.0/24",  # documentation
            "192.52.193.0/24",  # relays of multicast
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_UNICAST_V6 = ip_network("2000::/3")
"""All there is of global unicast; mapped, compatible, translated (64:ff9b::) and local addresses lie outside of it."""
_NOT_PUBLIC_V6 = tuple(
    map(
        ip_network,
        (
            "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: an IPv4 address in disguise
            "3fff::/20",  # documentation
        ),
    )
)


def is_public(address: IPv4Address | IPv6Address | str) -> bool:
    """Whether it is a single machine of the public internet. Raises ValueError where a text is no address."""
    parsed = ip_address(address) if isinstance(address, str) else address
    if isinstance(parsed, IPv4Address):
        return parsed.is_global and not any(parsed in network for network in _NOT_PUBLIC_V4)
    if parsed.scope_id is not None or parsed not in _UNICAST_V6:
        return False
    return parsed.is_global and not any(parsed in network for network in _NOT_PUBLIC_V6)


def is_plain_host(host: str) -> bool:
    """Whether it is a name, or an address in its usual spelling.

    127.1, 0x7f000001, 017700000001 and 2130706433 are none: what they mean depends on who reads them.
    """
    try:
        ip_address(host)
    except ValueError:
        last = host.removesuffix(".").rpartition(".")[2]
        return bool(last) and not last.isdecimal() and not last.lower().startswith("0x")
    return True
