"""Side by side with the peers: the same work, the same network, the same clock. See README.md."""
