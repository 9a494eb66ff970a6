"""Files of rows in other forms than those that are stored: written for people and other programs."""
