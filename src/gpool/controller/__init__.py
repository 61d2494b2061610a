"""The server process: what joins the rooms. Import the module you need; this package imports nothing."""
