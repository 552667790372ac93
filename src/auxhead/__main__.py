"""Run the command line as `python -m auxhead`."""

from auxhead.cli.app import main

if __name__ == "__main__":
    main()
