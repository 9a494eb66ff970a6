"""Who calls: keys and scopes, and limits for callers that repeat what was refused."""
