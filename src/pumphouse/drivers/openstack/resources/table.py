"""Which driver each kind of resource has, and which service. resources.py makes one driver of each; a kind without one is not read, made or removed."""

from collections.abc import Callable, Mapping
from typing import Final

from pumphouse.domain.resource import ResourceKind
from pumphouse.drivers.openstack.resources.address_pools import AddressGroups, AddressScopes, SubnetPools
from pumphouse.drivers.openstack.resources.assignment import Assignments
from pumphouse.drivers.openstack.resources.credential import Credentials
from pumphouse.drivers.openstack.resources.domain import Domains
from pumphouse.drivers.openstack.resources.ec2_key import Ec2Keys
from pumphouse.drivers.openstack.resources.external_network import ExternalNetworks, ExternalSubnets
from pumphouse.drivers.openstack.resources.flavor import Flavors
from pumphouse.drivers.openstack.resources.floating_ip import FloatingIps
from pumphouse.drivers.openstack.resources.group import Groups
from pumphouse.drivers.openstack.resources.image import Images
from pumphouse.drivers.openstack.resources.keypair import Keypairs
from pumphouse.drivers.openstack.resources.network import Networks
from pumphouse.drivers.openstack.resources.port import Ports
from pumphouse.drivers.openstack.resources.project import Projects
from pumphouse.drivers.openstack.resources.qos_policy import QosPolicies
from pumphouse.drivers.openstack.resources.quota import Quotas
from pumphouse.drivers.openstack.resources.rbac_share import RbacShares
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.role import Roles
from pumphouse.drivers.openstack.resources.router import RouterRoutes, Routers
from pumphouse.drivers.openstack.resources.router_interface import RouterInterfaces
from pumphouse.drivers.openstack.resources.security_group import SecurityGroupRules, SecurityGroups
from pumphouse.drivers.openstack.resources.server import ServerDriver
from pumphouse.drivers.openstack.resources.server_group import ServerGroups
from pumphouse.drivers.openstack.resources.subnet import Subnets
from pumphouse.drivers.openstack.resources.trunk import Trunks
from pumphouse.drivers.openstack.resources.user import Users
from pumphouse.drivers.openstack.resources.volume import Volumes
from pumphouse.drivers.openstack.resources.volume_snapshot import VolumeSnapshots
from pumphouse.drivers.openstack.resources.volume_type import VolumeTypes
from pumphouse.drivers.openstack.resources.zone import Zones
from pumphouse.ports.resources import KindDriver

DRIVERS: Final[Mapping[ResourceKind, Callable[[Reach], KindDriver]]] = {
    ResourceKind.DOMAIN: Domains,
    ResourceKind.ROLE: Roles,
    ResourceKind.PROJECT: Projects,
    ResourceKind.GROUP: Groups,
    ResourceKind.USER: Users,
    ResourceKind.QUOTA: Quotas,
    ResourceKind.FLAVOR: Flavors,
    ResourceKind.KEYPAIR: Keypairs,
    ResourceKind.SERVER_GROUP: ServerGroups,
    ResourceKind.VOLUME_TYPE: VolumeTypes,
    ResourceKind.ZONE: Zones,
    ResourceKind.IMAGE: Images,
    ResourceKind.VOLUME: Volumes,
    ResourceKind.VOLUME_SNAPSHOT: VolumeSnapshots,
    ResourceKind.SERVER: ServerDriver,
    ResourceKind.EC2_KEY: Ec2Keys,
    ResourceKind.ASSIGNMENT: Assignments,
    ResourceKind.CREDENTIAL: Credentials,
    ResourceKind.QOS_POLICY: QosPolicies,
    ResourceKind.ADDRESS_SCOPE: AddressScopes,
    ResourceKind.SUBNET_POOL: SubnetPools,
    ResourceKind.EXTERNAL_NETWORK: ExternalNetworks,
    ResourceKind.EXTERNAL_SUBNET: ExternalSubnets,
    ResourceKind.NETWORK: Networks,
    ResourceKind.SUBNET: Subnets,
    ResourceKind.ADDRESS_GROUP: AddressGroups,
    ResourceKind.SECURITY_GROUP: SecurityGroups,
    ResourceKind.SECURITY_GROUP_RULES: SecurityGroupRules,
    ResourceKind.RBAC_SHARE: RbacShares,
    ResourceKind.ROUTER: Routers,
    ResourceKind.PORT: Ports,
    ResourceKind.ROUTER_INTERFACE: RouterInterfaces,
    ResourceKind.ROUTER_ROUTES: RouterRoutes,
    ResourceKind.TRUNK: Trunks,
    ResourceKind.FLOATING_IP: FloatingIps,
}

_KINDS: Final = {
    "identity": (
        ResourceKind.DOMAIN, ResourceKind.ROLE, ResourceKind.PROJECT, ResourceKind.GROUP, ResourceKind.USER,
        ResourceKind.EC2_KEY, ResourceKind.ASSIGNMENT, ResourceKind.CREDENTIAL, ResourceKind.QUOTA, ResourceKind.ZONE,
    ),
    "compute": (ResourceKind.FLAVOR, ResourceKind.KEYPAIR, ResourceKind.SERVER_GROUP, ResourceKind.SERVER),
    "block-storage": (ResourceKind.VOLUME_TYPE, ResourceKind.VOLUME, ResourceKind.VOLUME_SNAPSHOT),
    "image": (ResourceKind.IMAGE,),
}  # fmt: skip
SERVICE_OF: Final[Mapping[ResourceKind, str]] = dict.fromkeys(ResourceKind, "network") | {
    kind: service for service, kinds in _KINDS.items() for kind in kinds
}
"""The service without which a cloud has nothing of a kind. Quotas and zones are of several services: their drivers look themselves."""
