"""The client for asyncio. The blocking one in `foreword.client._sync` is generated from it by `unasync.py`."""
