"""Files of rows in the forms of other programs: Label Studio, Parquet and Hugging Face datasets."""
