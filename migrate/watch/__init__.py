"""Replication that broke on the new side: explained, and repaired only on command."""
