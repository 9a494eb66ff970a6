"""Checks of dataset rows that come with Foreword: one file each."""
