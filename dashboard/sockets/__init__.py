"""What the live view's sockets are made of. They stand in `dashboard.consumers`, the feed in `dashboard.feed`."""
