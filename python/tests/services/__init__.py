"""The services: Redis, pub/sub, and the servers that Puff runs for a project."""
