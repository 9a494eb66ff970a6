"""Pure functions about labels as people write them: spellings, misspellings, missing values and packed lists."""
