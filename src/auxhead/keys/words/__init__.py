"""How words are put together and read, whatever they mean."""
