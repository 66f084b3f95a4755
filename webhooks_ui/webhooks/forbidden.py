"""The addresses and ports that no delivery may go to.

Only ``SPECIAL_NETWORKS`` may be targets, if ALLOWED_TARGETS holds them.
"""

import ipaddress

from webhooks_ui.webhooks.destination import Address

# Where a cloud tells its machines who they are, and hands out their credentials. Some of these addresses look public.
METADATA_ADDRESSES = {
    "169.254.169.254": "AWS, Azure, Google Cloud, Oracle, DigitalOcean and others: instance metadata",
    "fd00:ec2::254": "AWS: docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html",
    "169.254.170.2": "AWS ECS: docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html",
    "169.254.170.23": "AWS EKS: docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html",
    "fd00:ec2::23": "AWS EKS, the same over IPv6",
    "168.63.129.16": "Azure: learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16",
    "fd20:ce::254": "Google Cloud: cloud.google.com/compute/docs/metadata/querying-metadata",
    "100.100.100.200": "Alibaba Cloud: www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata",
    "192.0.0.192": "Oracle Cloud Classic: docs.oracle.com/en/cloud/iaas/compute-iaas-cloud (instance metadata)",
    "169.254.42.42": "Scaleway: www.scaleway.com/en/docs/instances/how-to/use-cloud-init",
    "fd00:42::42": "Scaleway, the same over IPv6",
    "169.254.0.23": "Tencent Cloud: www.tencentcloud.com/document/product/213/4934",
}
_METADATA = frozenset(map(ipaddress.ip_address, METADATA_ADDRESSES))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_TRANSLATED = (_NAT64, ipaddress.IPv6Network("64:ff9b:1::/48"))  # NAT64 for local use: RFC 8215

# Networks that don't belong to the public internet, although some versions of Python call them global.
SPECIAL_NETWORKS = tuple(
    map(
        ipaddress.ip_network,
        (
            "100.64.0.0/10",  # shared by the customers of a carrier: RFC 6598
            "192.0.0.0/24",  # IETF protocol assignments: RFC 6890
            "192.88.99.0/24",  # relays of 6to4: RFC 7526
            "64:ff9b:1::/48",  # NAT64 for local use: RFC 8215
            "2001:20::/28",  # ORCHIDv2: RFC 7343
            "2002::/16",  # 6to4: RFC 3056
            "3fff::/20",  # documentation: RFC 9637
            "5f00::/16",  # segment routing: RFC 9602
        ),
    )
)

# "Bad ports" of fetch.spec.whatwg.org/#port-blocking: a request to them could be read as another protocol.
BROWSERS_BAD_PORTS = frozenset(
    {0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109}
    | {110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530}
    | {531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190}
    | {5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080}
)
# The same for what servers speak among each other (IANA, Service Name and Port Number Registry).
SERVICES = {
    445: "SMB",
    873: "rsync",
    1433: "SQL Server",
    1521: "Oracle",
    3306: "MySQL",
    3389: "RDP",
    5432: "PostgreSQL",
    5672: "AMQP",
    5900: "VNC",
    6379: "Redis",
    9042: "Cassandra",
    9092: "Kafka",
    11211: "memcached",
    27017: "MongoDB",
}
_BAD_PORTS = BROWSERS_BAD_PORTS | SERVICES.keys()


def is_bad_port(port: int) -> bool:
    """Return True if the port belongs to another protocol than HTTP."""
    return port in _BAD_PORTS


def is_metadata(address: Address) -> bool:
    """Return True if a cloud's metadata service answers at ``address``, also if it is written as an IPv6 address."""
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _TRANSLATED):
            return _last_32_bits(address) in _METADATA
        inner = address.ipv4_mapped or address.sixtofour
        return address in _METADATA or inner in _METADATA
    return address in _METADATA


def behind_nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the address that NAT64 translates ``address`` to (RFC 6052, section 2.1), or ``None``.

    Where machines reach IPv4 through NAT64, name servers give such addresses for all hosts that have no IPv6 address.
    """
    return _last_32_bits(address) if address in _NAT64 else None


def _last_32_bits(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
