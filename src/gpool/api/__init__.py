"""The HTTP face of the controller: thin FastAPI routers. Import `gpool.api.app`; this package imports nothing."""
