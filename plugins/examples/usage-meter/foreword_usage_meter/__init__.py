"""A plugin of Foreword that brings a usage meter."""
