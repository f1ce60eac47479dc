"""Makes a tenant's project, users, group and role assignments, as the cloud's administrator. Used by `run`."""

from openstack import exceptions
from openstack.identity.v3.group import Group
from openstack.identity.v3.project import Project
from openstack.identity.v3.user import User

from pumphouse.lab.errors import LabError
from pumphouse.lab.populate.door import Door
from pumphouse.lab.populate.logins import ConnectionFactory, TenantLogins
from pumphouse.lab.populate.plan import MARK, TenantPlan
from pumphouse.lab.populate.tasks import Outcome

DOMAIN = "default"


def find_project(admin: Door, name: str) -> Project | None:
    """Our project of that name.

    Raises:
        LabError: there is one which populate has not made.
    """
    for project in admin.identity.projects(name=name, domain_id=DOMAIN):
        if MARK not in (project.description or ""):
            raise LabError(
                f"the project {name!r} exists and was not made by `lab populate`",
                hint="Choose other names with --tenants, or remove that project.",
            )
        return project
    return None


def ensure_tenant(
    admin: Door, connect: ConnectionFactory, logins: TenantLogins, tenant: TenantPlan
) -> Outcome:
    """The project with an operator (member), a developer (member by group) and an auditor (reader), who can all log in."""
    outcome = Outcome.KEPT
    project = find_project(admin, tenant.name)
    if project is None:
        project = admin.identity.create_project(
            name=tenant.name, domain_id=DOMAIN, description=f"{tenant.name}: {MARK}"
        )
        outcome = Outcome.MADE
    group, made = _group(admin, tenant)
    roles = {r.name: r for r in admin.identity.roles()}
    users: dict[str, User] = {}
    for name in (tenant.operator, tenant.developer, tenant.auditor):
        users[name], new = _user(admin, tenant, logins, name, project)
        made = made or new
    if _group_lacks(admin, group, users[tenant.developer]):
        admin.identity.add_user_to_group(users[tenant.developer], group)
        made = True
    # assignments are idempotent PUTs; asking first would cost as much
    admin.identity.assign_project_role_to_user(project, users[tenant.operator], roles["member"])
    admin.identity.assign_project_role_to_user(project, users[tenant.auditor], roles["reader"])
    admin.identity.assign_project_role_to_group(project, group, roles["member"])
    if not made:
        made = not _can_log_in(connect, logins, tenant)
        if made:
            for name, user in users.items():
                admin.identity.update_user(user, password=logins.login(tenant.name, name).password)
    if outcome is Outcome.MADE:
        return outcome
    return Outcome.REPAIRED if made else Outcome.KEPT


def _group(admin: Door, tenant: TenantPlan) -> tuple[Group, bool]:
    for group in admin.identity.groups(name=tenant.group, domain_id=DOMAIN):
        return group, False
    return admin.identity.create_group(name=tenant.group, domain_id=DOMAIN, description=MARK), True


def _user(
    admin: Door, tenant: TenantPlan, logins: TenantLogins, name: str, project: Project
) -> tuple[User, bool]:
    login = logins.login(tenant.name, name)
    for user in admin.identity.users(name=name, domain_id=DOMAIN):
        return user, False
    user = admin.identity.create_user(
        name=name,
        domain_id=DOMAIN,
        default_project_id=project.id,
        password=login.password,
        email=f"{name}@example.org",
        description=MARK,
    )
    return user, True


def _group_lacks(admin: Door, group: Group, user: User) -> bool:
    return not admin.identity.check_user_in_group(user, group)


def _can_log_in(connect: ConnectionFactory, logins: TenantLogins, tenant: TenantPlan) -> bool:
    """Whether the written passwords are those of the cloud: a lost or foreign tenants.yaml is repaired."""
    for name in (tenant.operator, tenant.developer, tenant.auditor):
        connection = connect(logins.login(tenant.name, name))
        try:
            connection.authorize()
        except exceptions.SDKException as exc:
            if "401" in str(exc) or getattr(exc, "status_code", None) == 401:
                return False
            raise
        finally:
            connection.close()
    return True
