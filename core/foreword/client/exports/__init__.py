"""Export of runs to other trackers: MLflow and TensorBoard. Their packages are imported only by an export."""
