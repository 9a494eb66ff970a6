"""Plans of requested experiments and evaluations, and what planning reads."""
