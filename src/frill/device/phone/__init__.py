"""A phone over adb: one connection, sessions on it, the protocol of timing."""
