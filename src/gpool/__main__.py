"""`python -m gpool` is `gpool`."""

from gpool.cli.main import main

if __name__ == "__main__":
    main()
