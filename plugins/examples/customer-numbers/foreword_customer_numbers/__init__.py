"""A plugin of Foreword that brings a check of rows for customer numbers."""
