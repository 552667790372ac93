"""The keys of heads, one file a head; free of torch, unlike the heads themselves."""
