"""The fence around a tenant: on, off, verify; started by the services by the kinds `lock_tenant`, `unlock_tenant`, `verify_tenant`."""

from pumphouse.workflows.lock_tenant.workflow import LockTenant, UnlockTenant, VerifyTenant

__all__ = ["LockTenant", "UnlockTenant", "VerifyTenant"]
