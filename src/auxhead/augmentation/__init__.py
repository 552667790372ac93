"""What the network is shown while it trains: classes that a mirror changes, and views cut from native pixels."""
