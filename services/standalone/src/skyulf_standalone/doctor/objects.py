"""The object store: may we write, read and delete, and is it the same time there?"""

import secrets

from skyulf_service.composition import object_store
from skyulf_service.ids import utc_now
from skyulf_service.settings import SharedSettings

from skyulf_standalone.doctor.databases import same_time
from skyulf_standalone.doctor.finding import FaultError, Finding, attempt

# S3 gives whole seconds, and beyond 15 minutes it refuses requests altogether
MOST_SKEW = 5.0


async def examine_bucket(service: str, bucket: str, shared: SharedSettings) -> Finding:
    """Write a small object, read it, remove it."""
    where = shared.s3_endpoint or shared.objects_folder
    return await attempt(
        f"{service} objects",
        lambda: _probe(bucket, shared),
        advice=f"look at {where}, its credentials and rights; `skyulf migrate {service}` makes the bucket",
    )


async def _probe(bucket: str, shared: SharedSettings) -> str:
    if shared.s3_endpoint is None and not (shared.objects_folder / bucket).is_dir():
        raise FaultError(f"the folder {shared.objects_folder / bucket} does not exist")
    store = object_store(shared, bucket)
    key, data = f"doctor/{secrets.token_hex(8)}", secrets.token_bytes(32)
    try:
        await store.ping()
        try:
            await store.put_bytes(key, data)
            if await store.get_bytes(key) != data:
                raise FaultError("it returns other bytes than were written")
            stat = await store.stat(key)
        finally:
            await store.delete(key)
        if await store.stat(key) is not None:
            raise FaultError("a deleted object is still there", "let this user delete objects")
    finally:
        await store.close()
    if stat is not None and shared.s3_endpoint is not None:
        same_time((stat.modified - utc_now()).total_seconds(), "the object store", most=MOST_SKEW)
    return f"{bucket}: written, read, removed"
