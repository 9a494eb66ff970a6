"""Tuning methods that come with Foreword."""
