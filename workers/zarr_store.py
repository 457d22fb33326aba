"""The objects of a store as zarr sees them, as patient as all else is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import ObjectStore

from occlabel.workers.trouble import Patience


class PatientStore(ObjectStore[Any]):
    """An obstore client that waits for a store that is away. Raises StoreAway."""

    def __init__(self, store: Any, patience: Patience, *, read_only: bool = False) -> None:
        super().__init__(store, read_only=read_only)
        self._patience = patience

    def with_read_only(self, read_only: bool = False) -> PatientStore:
        return PatientStore(self.store, self._patience, read_only=read_only)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        return await self._patience.wait_for(lambda: super(PatientStore, self).get(key, prototype, byte_range), key)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        wanted = list(key_ranges)
        return await self._patience.wait_for(lambda: super(PatientStore, self).get_partial_values(prototype, wanted))

    async def exists(self, key: str) -> bool:
        return await self._patience.wait_for(lambda: super(PatientStore, self).exists(key), key)

    async def set(self, key: str, value: Buffer) -> None:
        await self._patience.wait_for(lambda: super(PatientStore, self).set(key, value), key, writes=True)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        await self._patience.wait_for(lambda: super(PatientStore, self).set_if_not_exists(key, value), key, writes=True)

    async def delete(self, key: str) -> None:
        await self._patience.wait_for(lambda: super(PatientStore, self).delete(key), key, writes=True)
