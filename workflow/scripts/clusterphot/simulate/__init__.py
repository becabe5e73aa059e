"""Simulated fields whose truth is known: light, truth tables and images."""
