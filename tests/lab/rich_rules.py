"""A security group with many rules. Used by rich_network.py.

Neutron 2023.1 reads the whole group again for each rule that it has made (neutron/common/ovn/acl.py, update_acls_for_security_group): a thousand take it a quarter of an
hour, in which it does little else. So the source's are written into its database after the pattern of one that came by the API; the destination gets all of its by the API.
"""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pymysql

FIRST_PORT = 1000


def multiply_rule(socket: Path, database: str, rule_id: str, count: int) -> None:
    """Have `count` rules of its group in all, alike but for port and prefix."""
    with pymysql.connect(unix_socket=str(socket), user="root", database=database, autocommit=False) as link:
        with link.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute("SELECT * FROM securitygrouprules WHERE id = %s", (rule_id,))
            pattern: dict[str, Any] = dict(cursor.fetchone() or {})
            assert pattern, rule_id
            for number in range(1, count):
                cursor.execute(
                    "INSERT INTO standardattributes (resource_type, created_at, updated_at, revision_number)"
                    " VALUES ('securitygrouprules', UTC_TIMESTAMP(), UTC_TIMESTAMP(), 0)"
                )
                row = pattern | {
                    "id": str(uuid4()),
                    "port_range_min": FIRST_PORT + number,
                    "port_range_max": FIRST_PORT + number,
                    "remote_ip_prefix": f"10.{number % 200}.0.0/16",
                    "standard_attr_id": cursor.lastrowid,
                }
                names = ", ".join(row)
                cursor.execute(
                    f"INSERT INTO securitygrouprules ({names}) VALUES ({', '.join(['%s'] * len(row))})",
                    tuple(row.values()),
                )
        link.commit()
