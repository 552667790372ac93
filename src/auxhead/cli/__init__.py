"""The command line: words in, one call, a table or one message out."""
