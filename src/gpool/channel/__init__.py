"""The conversation of controller and agents. Import the module you need; this package imports nothing."""
