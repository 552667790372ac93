"""Run the command line as `python -m auxhead`."""

from auxhead.cli import main

if __name__ == "__main__":
    main()
