"""Corrections of rows that are certain: what they change, and a log of every change."""
