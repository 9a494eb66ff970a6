"""One servicer per file, and what they share: conversion of responses in threads, and request ids."""
